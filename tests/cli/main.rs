//! The program as its users meet it: command lines, files, streams, signals and exit codes. Nothing here looks inside.

mod ab;
mod baseline;
mod calibrate;
mod compare;
mod faults;
mod gates;
mod interrupt;
mod loops;
mod output;
mod preflight;
mod report;
mod secrets;
mod storage;
mod support;
mod terminal;
mod verbs;

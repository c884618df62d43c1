//! The wire through real sockets, and on a stopped clock.

mod wire {
    mod answers;
    mod support;
}

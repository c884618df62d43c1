//! On a terminal: bars that come and go, and lines that stay whole.

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::Stdio;

use crate::support::{Folder, scenario};

/// Runs the program with a terminal of this size as all three of its streams; its exit code and every byte it wrote.
fn on_terminal(
    folder: &Folder,
    columns: u16,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> (Option<i32>, String) {
    let size = libc::winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut ours, mut theirs) = (-1, -1);
    // SAFETY: both pointers are to integers of our own, the name and the settings are left out, the size is only read.
    let opened = unsafe { libc::openpty(&mut ours, &mut theirs, std::ptr::null_mut(), std::ptr::null(), &size) };
    assert_eq!(opened, 0, "a terminal is to be had");
    // SAFETY: both were just opened and belong to nobody else.
    let (ours, theirs) = unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
    let stream = || Stdio::from(theirs.try_clone().unwrap());
    let mut command = folder.command(arguments);
    command.stdin(stream()).stdout(stream()).stderr(stream()).env("TERM", "xterm-256color");
    command.envs(environment.iter().copied());
    let mut child = command.spawn().unwrap();
    drop((command, theirs));
    let mut bytes = Vec::new();
    // The end of a terminal is an error; what came before it is kept.
    File::from(ours).read_to_end(&mut bytes).ok();
    (child.wait().unwrap().code(), String::from_utf8_lossy(&bytes).into_owned())
}

/// What a person sees in the end: escape sequences gone, each line as it was last written.
fn seen(bytes: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in plain(bytes).split('\n') {
        lines.push(line.trim_end_matches('\r').rsplit('\r').next().unwrap_or("").trim_end().to_owned());
    }
    lines
}

/// Without escape sequences (`ESC [ … letter`).
fn plain(bytes: &str) -> String {
    let mut text = String::new();
    let mut chars = bytes.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            text.push(c);
        } else if chars.next() == Some('[') {
            chars.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    text
}

const SLOW: &str = r#"mock = { first_token = "700ms", per_token = "0ms", tokens = 1 }"#;

#[test]
fn a_person_sees_bars_while_it_runs_and_whole_lines_afterwards() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [5]", SLOW, ""));
    let (code, bytes) = on_terminal(&folder, 100, &["run", "s.toml"], &[]);
    assert_eq!(code, Some(0), "{bytes}");
    assert!(bytes.contains("\x1b["), "bars move the cursor: {bytes:?}");
    assert!(bytes.matches("\x1b[?25l").count() <= bytes.matches("\x1b[?25h").count(), "the cursor is given back");
    let lines = seen(&bytes);
    for user in 1..=5 {
        let label = format!("user   {user}  ok");
        assert!(
            lines.iter().any(|line| line.trim().starts_with(&label)),
            "{label:?} is missing in\n{}",
            lines.join("\n")
        );
    }
    assert!(lines.iter().any(|line| line.contains("t/m/all/5")), "{}", lines.join("\n"));
}

#[test]
fn no_color_takes_the_colours_and_leaves_the_bars() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2]", SLOW, ""));
    let (code, bytes) = on_terminal(&folder, 100, &["run", "s.toml"], &[("NO_COLOR", "1")]);
    assert_eq!(code, Some(0), "{bytes}");
    let coloured = bytes.split("\x1b[").skip(1).any(|rest| {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        rest[end..].starts_with('m') && !["", "0"].contains(&&rest[..end])
    });
    assert!(!coloured, "{bytes:?}");
}

#[test]
fn quiet_shows_no_bars() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2]", SLOW, ""));
    let (code, bytes) = on_terminal(&folder, 100, &["run", "s.toml", "-q", "--color", "never"], &[]);
    assert_eq!(code, Some(0), "{bytes}");
    assert!(!bytes.contains('\x1b'), "{bytes:?}");
    assert_eq!(bytes.lines().count(), 1, "{bytes:?}");
}

#[test]
fn a_narrow_terminal_is_wide_enough() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2]", SLOW, ""));
    let (code, bytes) = on_terminal(&folder, 20, &["run", "s.toml"], &[]);
    assert_eq!(code, Some(0), "{bytes}");
    assert!(!bytes.contains("panicked"), "{bytes}");
}

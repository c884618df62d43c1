//! Tells the program which revision it was built from, where that can be known; every run records it.

use std::path::Path;
use std::process::Command;

/// Where `cargo package` tells the revision.
const PACKAGED: &str = ".cargo_vcs_info.json";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    watch(PACKAGED);
    if let Some(revision) = packaged().or_else(checked_out) {
        println!("cargo:rustc-env=LAMB_LOAD_REVISION={revision}");
    }
}

/// Has cargo run this again when a file changes. One that is missing would have it build anew each time.
fn watch(file: &str) {
    if Path::new(file).exists() {
        println!("cargo:rerun-if-changed={file}");
    }
}

/// The revision that `cargo package` wrote beside the sources.
fn packaged() -> Option<String> {
    let info = std::fs::read_to_string(PACKAGED).ok()?;
    let hash = info.split("\"sha1\":").nth(1)?.split('"').nth(1)?;
    Some(hash.to_owned())
}

/// The revision that is checked out, if this is a checkout of its own and not a folder inside another.
fn checked_out() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let here = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    if Path::new(&top).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    // Changes with every commit and checkout.
    watch(&git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

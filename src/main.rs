//! Parse, runtime, dispatch, exit code.

fn main() {}

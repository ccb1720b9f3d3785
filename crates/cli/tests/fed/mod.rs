//! A command with something on its standard input.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs a command that is given an input; what it says on both outputs.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("oomph starts");
    // Who does not read all of it has what it wanted.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("oomph ends")
}

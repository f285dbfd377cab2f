//! The program, as tests run it.

use assert_cmd::Command;

/// The program with these arguments.
pub(crate) fn switchyard(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("switchyard").expect("the program is built");
    command.args(arguments);
    command
}

/// Runs it: the exit code, standard output and standard error.
pub(crate) fn ended(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
}

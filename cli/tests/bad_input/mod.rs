//! Wrong invocations and wrong files: what is said of each, word for word, and the exit code.
//!
//! A table for each subject; a row is an invocation in a folder of its own.

mod arguments;
mod carried;
mod texts;
mod unread;
mod written;

use crate::program::{ended, switchyard};
use std::fs::{self, File};

/// An invocation: what it is, the arguments, the files that are there, the exit code, standard output and standard error.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a [u8])], i32, &'a str, &'a str);

/// A document with which nothing is wrong.
const GOOD: &[u8] = br#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#;

/// A bootstrap with router.wasm, whose configuration this is.
macro_rules! router {
    ($configuration:literal) => {
        concat!(
            "static_resources:\n  listeners:\n  - name: switchyard\n    failure_policy: FAIL_RELOAD\n    ",
            "vm_config: {code: {local: {filename: /etc/router.wasm}}}\n    configuration: ",
            $configuration,
            "\n"
        )
        .as_bytes()
    };
}

use router;

/// Runs the program in a folder of its own; a file that is called `-` is standard input.
fn run((what, arguments, files, code, out, err): Row<'_>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = switchyard(&arguments.split_whitespace().collect::<Vec<_>>());
    command.current_dir(folder.path());
    for (name, content) in files {
        match *name {
            "-" => drop(command.write_stdin(*content)),
            name => fs::write(folder.path().join(name), content).expect("a file"),
        }
    }
    let (ended_with, said_out, said_err) = ended(&mut command);
    assert_eq!((ended_with, said_out.trim(), said_err.trim()), (code, out.trim(), err.trim()), "{what}");
}

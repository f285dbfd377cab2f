//! Files that cannot be read, and what is no file: exit code 2, and not what a wrong file gets.

use super::*;

const ROWS: &[Row<'_>] = &[
    (
        "no arguments",
        "check",
        &[],
        2,
        "",
        "error: the following required arguments were not provided:
  <FILE>...

Usage: switchyard check <FILE>...

For more information, try '--help'.",
    ),
    (
        "a file that is not there",
        "check missing.yaml",
        &[],
        2,
        "",
        "error: missing.yaml: No such file or directory (os error 2)",
    ),
    ("a folder", "check .", &[], 2, "", "error: .: is a folder; name the files in it"),
    (
        "bytes that are no text",
        "check f",
        &[("f", b"mode: \xff\xfe\x0a")],
        2,
        "",
        "error: f: is no text: byte 6 is not UTF-8",
    ),
    (
        "a module in place of a document",
        "check f.wasm",
        &[("f.wasm", b"\x00asm\x01\x00\x00\x00")],
        2,
        "",
        "error: f.wasm: is a WebAssembly module; name the document that it gets",
    ),
    (
        "UTF-16",
        "check f",
        &[("f", b"m\x00o\x00d\x00e\x00:\x00 \x00s\x00h\x00a\x00d\x00o\x00w\x00\x0a\x00")],
        2,
        "",
        "error: f: is UTF-16; save it as UTF-8",
    ),
    (
        "several files, of which one is not there",
        "check good.yaml missing.yaml",
        &[(
            "good.yaml",
            r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#
            .as_bytes(),
        )],
        2,
        "good.yaml: ok, 1 upstreams, 1 routes",
        "error: missing.yaml: No such file or directory (os error 2)",
    ),
    (
        "standard input",
        "check -",
        &[(
            "-",
            "mode: of
"
            .as_bytes(),
        )],
        1,
        r#"error SY0202 not what the field takes: standard input:1
    path     mode
    value    "of"
    problem  "of" is not one of enforce, shadow
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file"#,
        "",
    ),
    (
        "UTF-16 with its mark",
        "check f",
        &[("f", b"\xff\xfem\x00o\x00")],
        2,
        "",
        "error: f: is UTF-16; save it as UTF-8",
    ),
];

#[test]
fn what_cannot_be_read_is_told_apart_from_what_is_wrong() {
    ROWS.iter().copied().for_each(run);
}

/// A file that is longer than what is read is not read to its end; it is one of nothing but a hole.
#[test]
fn a_huge_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = File::create(folder.path().join("huge.yaml")).expect("a file");
    file.set_len(100 << 20).expect("a length");
    let mut command = switchyard(&[]);
    let assert = command.args(["check", "huge.yaml"]).current_dir(folder.path()).assert();
    assert.code(2).stdout("").stderr("error: huge.yaml: is longer than 64 MiB, the most that is read\n");
}

/// All that is wrong with many files is said in one go, in their order.
#[test]
fn what_is_found_is_written_out_before_what_could_not_be_read() {
    let good: &[u8] = b"{}";
    let files: &[(&str, &[u8])] = &[("b.yaml", b"mode: of"), ("c.yaml", good)];
    let out = "error SY0202 not what the field takes: b.yaml:1\n    path     mode\n    value    \"of\"\n    problem  \"of\" is not one of \
               enforce, shadow\n    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)\n\nc.yaml: ok, 0 upstreams, 0 routes\n1 error, 0 warnings in 2 files";
    let err = "error: a.yaml: No such file or directory (os error 2)\nerror: d.yaml: No such file or directory (os error 2)";
    run(("several", "check a.yaml b.yaml c.yaml d.yaml", files, 2, out, err));
}

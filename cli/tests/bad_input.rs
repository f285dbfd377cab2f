//! Wrong invocations and wrong files: what is said of each, word for word, and the exit code.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use assert_cmd::Command;
use std::fs::{self, File};

/// An invocation: what it is, the arguments, the files that are there, the exit code, standard output and standard error.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a [u8])], i32, &'a str, &'a str);

/// Runs the program in a folder of its own; a file that is called `-` is standard input.
fn run((what, arguments, files, code, out, err): Row<'_>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::cargo_bin("switchyard").expect("the program");
    command.args(arguments.split_whitespace()).current_dir(folder.path());
    for (name, content) in files {
        match *name {
            "-" => drop(command.write_stdin(*content)),
            name => fs::write(folder.path().join(name), content).expect("a file"),
        }
    }
    let output = command.output().expect("it runs");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    assert_eq!(
        (output.status.code(), said),
        (Some(code), [out, err].map(|text| text.trim().to_owned())),
        "{what}"
    );
}

/// Files that could be read.
#[test]
fn what_is_in_files_is_told_with_path_value_and_fix() {
    let deep = format!("{{\"_a\": {}{}}}", "[".repeat(3_000), "]".repeat(3_000));
    let rows: &[Row<'_>] = &[
        ("a bootstrap without a plugin of ours", "check f.yaml", &[("f.yaml", "admin: {address: {}}
".as_bytes())], 1, 
"error SY0103 no Switchyard plugin in the file: f.yaml
    problem  no Switchyard plugin in this bootstrap, so there is nothing to check
    fix      name the file that has one, or check the document by itself
    page     switchyard check --explain SY0103 (docs/findings.md#sy0103)

1 error, 0 warnings in 1 file", ""),
        ("an EnvoyFilter for another plugin", "check f.yaml", &[("f.yaml", "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: other}
spec: {configPatches: [{patch: {value: {name: other, vm_config: {}}}}]}
".as_bytes())], 1, 
"error SY0601 no Switchyard plugin in the manifests: f.yaml
    problem  no Switchyard plugin in this manifest, so there is nothing to check
    fix      name the file that has one, or check the document by itself
    page     switchyard check --explain SY0601 (docs/findings.md#sy0601)

1 error, 0 warnings in 1 file", ""),
        ("an empty file does nothing", "check f.yaml", &[("f.yaml", "".as_bytes())], 0, "f.yaml: ok, 0 upstreams, 0 routes", ""),
        ("comments alone do nothing", "check f.yaml", &[("f.yaml", "# nothing

".as_bytes())], 0, "f.yaml: ok, 0 upstreams, 0 routes", ""),
        ("two documents", "check f.yaml", &[("f.yaml", "mode: shadow
---
mode: enforce
".as_bytes())], 1, 
"error SY0102 several documents in one file: f.yaml
    problem  holds 2 YAML documents
    fix      a document stands alone: remove the others
    page     switchyard check --explain SY0102 (docs/findings.md#sy0102)

1 error, 0 warnings in 1 file", ""),
        ("a manifest and a document", "check f.yaml", &[("f.yaml", "{apiVersion: v1, kind: A}
---
mode: shadow
".as_bytes())], 1, 
"error SY0102 several documents in one file: f.yaml
    problem  holds manifests and a document
    fix      put that into a file of its own
    page     switchyard check --explain SY0102 (docs/findings.md#sy0102)

1 error, 0 warnings in 1 file", ""),
        ("anchors are YAML", "check f.yaml", &[("f.yaml", r#"upstreams: [&a {name: a, endpoints: [{address: "1.1.1.1:1"}]}, {<<: *a, name: b}]
routes: [{match: {path_prefix: /a}, upstream: a}, {match: {}, upstream: b}]
"#.as_bytes())], 0, "f.yaml: ok, 2 upstreams, 2 routes", ""),
        ("an anchor that is not there", "check f.yaml", &[("f.yaml", "mode: *of
".as_bytes())], 1, 
"error SY0101 neither YAML nor JSON: f.yaml
    problem  is neither YAML nor JSON: alias references unknown anchor at line 1, column 7
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file", ""),
        ("an alias bomb", "check f.yaml", &[("f.yaml", "a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]
g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f]
h: &h [*g, *g, *g, *g, *g, *g, *g, *g, *g]
i: &i [*h, *h, *h, *h, *h, *h, *h, *h, *h]
".as_bytes())], 1, 
"error SY0101 neither YAML nor JSON: f.yaml
    problem  is neither YAML nor JSON: it is too much of it, or its anchors stand for too much at line 1, column 32
    fix      write it out, or make it shorter
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file", ""),
        ("a tab", "check f.yaml", &[("f.yaml", "upstreams:
	- name: a
".as_bytes())], 1, 
"error SY0101 neither YAML nor JSON: f.yaml
    problem  is neither YAML nor JSON: a tab at line 2, column 2
    fix      indent by spaces
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file", ""),
        ("a key that stands twice", "check f.yaml", &[("f.yaml", "mode: shadow
mode: enforce
".as_bytes())], 1, 
r#"error SY0101 neither YAML nor JSON: f.yaml
    problem  is neither YAML nor JSON: the key "mode" stands twice at line 2, column 1
    fix      remove one of them
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file"#, ""),
        ("a key that stands twice in JSON", "check f.json", &[("f.json", r#"{"mode": "shadow", "mode": "enforce"}"#.as_bytes())], 1, 
r#"error SY0101 neither YAML nor JSON: f.json
    problem  is neither YAML nor JSON: the key "mode" stands twice at line 1, column 20
    fix      remove one of them
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file"#, ""),
        ("a list that is not closed", "check f.json", &[("f.json", r#"{"routes": ["#.as_bytes())], 1, 
"error SY0101 neither YAML nor JSON: f.json
    problem  is neither YAML nor JSON: unclosed bracket '[' at line 1, column 12
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file", ""),
        ("a text", "check f.yaml", &[("f.yaml", "hello
".as_bytes())], 1, 
r#"error SY0202 not what the field takes: f.yaml
    value    "hello"
    problem  "hello" is not an object
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file"#, ""),
        ("a list", "check f.yaml", &[("f.yaml", "- mode: shadow
".as_bytes())], 1, 
"error SY0202 not what the field takes: f.yaml
    problem  a list of 1 is not an object
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file", ""),
        ("a number", "check f.yaml", &[("f.yaml", "42
".as_bytes())], 1, 
"error SY0202 not what the field takes: f.yaml
    problem  42 is not an object
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file", ""),
        ("a mark at the beginning is no matter", "check f.yaml", &[("f.yaml", b"\xef\xbb\xbfmode: shadow\x0a")], 0, "f.yaml: ok, 0 upstreams, 0 routes", ""),
        ("a document of a newer version", "check f.yaml", &[("f.yaml", "version: 2
mode: shadow
".as_bytes())], 1, 
"error SY0201 unknown field: f.yaml
    path     version
    value    2
    problem  unknown field: documents of Switchyard 0.1.0 have no version
    fix      remove it, or if the document is of a newer version, take that version's program and modules
    page     switchyard check --explain SY0201 (docs/findings.md#sy0201)

1 error, 0 warnings in 1 file", ""),
        ("a field in other letters", "check f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{macth: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 1, 
r#"error SY0201 unknown field: f.yaml
    path     routes[0].macth
    problem  unknown field
    fix      did you mean "match"?
    page     switchyard check --explain SY0201 (docs/findings.md#sy0201)

error SY0203 missing field: f.yaml
    path     routes[0].match
    problem  is missing
    page     switchyard check --explain SY0203 (docs/findings.md#sy0203)

2 errors, 0 warnings in 1 file"#, ""),
        ("not a number", "check f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}], balance: {policy: least_request, active_request_bias: .nan}}]
routes: [{match: {}, upstream: a}]
"#.as_bytes())], 1, 
"error SY0101 neither YAML nor JSON: f.yaml
    problem  is neither YAML nor JSON: non-finite float `.nan` is no number that JSON has at line 1, column 114
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file", ""),
        ("a number beyond all", "check f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1", weight: 99999999999999999999}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 1, 
"error SY0202 not what the field takes: f.yaml
    path     upstreams[0].endpoints[0].weight
    value    1e+20
    problem  1e+20 is not a whole number of 0 or more
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file", ""),
        ("a null", "check f.yaml", &[("f.yaml", "mode:
".as_bytes())], 1, 
"error SY0202 not what the field takes: f.yaml
    path     mode
    value    null
    problem  is null
    fix      write a value or remove it
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file", ""),
        ("deep nesting", "check f.json", &[("f.json", &b"[".repeat(100_000))], 1, 
"error SY0101 neither YAML nor JSON: f.json
    problem  is neither YAML nor JSON: recursion limit exceeded at line 1, column 256
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file", ""),
        ("deep nesting that is closed", "check f.json", &[("f.json", deep.as_bytes())], 1, 
"error SY0101 neither YAML nor JSON: f.json
    problem  is neither YAML nor JSON: recursion limit exceeded at line 1, column 262
    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)

1 error, 0 warnings in 1 file", ""),
        ("YAML inside a StringValue", "check f.yaml", &[("f.yaml", r#"static_resources:
  listeners:
  - name: switchyard
    failure_policy: FAIL_RELOAD
    vm_config: {code: {local: {filename: /etc/router.wasm}}}
    configuration: {"@type": type.googleapis.com/google.protobuf.StringValue, value: "mode: shadow"}
"#.as_bytes())], 1, 
r#"error SY0207 the document cannot be read: f.yaml (switchyard)
    value    "mode: shadow"
    problem  is not JSON: expected value at line 1 column 1
    fix      a filter takes JSON text or a google.protobuf.Struct, not YAML text
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#, ""),
        ("JSON that stops inside a StringValue", "check f.yaml", &[("f.yaml", r#"static_resources:
  listeners:
  - name: switchyard
    failure_policy: FAIL_RELOAD
    vm_config: {code: {local: {filename: /etc/router.wasm}}}
    configuration: {"@type": type.googleapis.com/google.protobuf.StringValue, value: '{"mode": '}
"#.as_bytes())], 1, 
r#"error SY0207 the document cannot be read: f.yaml (switchyard)
    value    "{\"mode\": "
    problem  is not JSON: EOF while parsing a value at line 1 column 9
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#, ""),
        ("no base64 inside a BytesValue", "check f.yaml", &[("f.yaml", r#"static_resources:
  listeners:
  - name: switchyard
    failure_policy: FAIL_RELOAD
    vm_config: {code: {local: {filename: /etc/router.wasm}}}
    configuration: {"@type": type.googleapis.com/google.protobuf.BytesValue, value: "%%%"}
"#.as_bytes())], 1, 
r#"error SY0207 the document cannot be read: f.yaml (switchyard)
    value    "%%%"
    problem  is not base64, as the value of a BytesValue is (Invalid symbol 37, offset 0.)
    fix      encode it
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#, ""),
        ("base64 of what is no document", "check f.yaml", &[("f.yaml", r#"static_resources:
  listeners:
  - name: switchyard
    failure_policy: FAIL_RELOAD
    vm_config: {code: {local: {filename: /etc/router.wasm}}}
    configuration: {"@type": type.googleapis.com/google.protobuf.BytesValue, value: "aGVsbG8="}
"#.as_bytes())], 1, 
r#"error SY0207 the document cannot be read: f.yaml (switchyard)
    value    "hello"
    problem  is not JSON: expected value at line 1 column 1
    fix      a filter takes JSON text or a google.protobuf.Struct, not YAML text
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#, ""),
        ("a configuration that is a list", "check f.yaml", &[("f.yaml", r#"static_resources:
  listeners:
  - name: switchyard
    failure_policy: FAIL_RELOAD
    vm_config: {code: {local: {filename: /etc/router.wasm}}}
    configuration: {"@type": x, value: []}
"#.as_bytes())], 1, 
"error SY0202 not what the field takes: f.yaml (switchyard)
    problem  a list of 0 is not an object
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file", ""),
        ("several files, of which one is bad", "check good.yaml bad.yaml", &[("good.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes()), ("bad.yaml", "mode: of
".as_bytes())], 1, 
r#"error SY0202 not what the field takes: bad.yaml
    path     mode
    value    "of"
    problem  "of" is not one of enforce, shadow
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

good.yaml: ok, 1 upstreams, 1 routes
1 error, 0 warnings in 2 files"#, ""),
        ("a warning is no failure", "check f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes:
- {match: {path_regex: "/.*"}, upstream: a}
- {name: api, match: {path_prefix: /api}, upstream: a}
"#.as_bytes())], 0, 
r#"warning SY0404 no request reaches the route: f.yaml
    path     routes[1].match
    problem  no request reaches the route "api": routes[0] ("route-0") takes all of them
    fix      move the route in front of routes[0], or remove it
    page     switchyard check --explain SY0404 (docs/findings.md#sy0404)

f.yaml: ok, 1 upstreams, 2 routes
0 errors, 1 warning in 1 file"#, ""),
    ];
    rows.iter().copied().for_each(run);
}

/// Files that could not, and what is no file.
#[test]
fn what_cannot_be_read_is_told_apart_from_what_is_wrong() {
    let rows: &[Row<'_>] = &[
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
            r#"error SY0202 not what the field takes: standard input
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
    rows.iter().copied().for_each(run);
}

/// Arguments.
#[test]
fn wrong_arguments_are_told_with_what_is_right() {
    let rows: &[Row<'_>] = &[
        ("no such output", "check --output xml f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 2, "", 
"error: invalid value 'xml' for '--output <OUTPUT>'
  [possible values: text, json, sarif]

For more information, try '--help'."),
        ("no such severity", "check --fail-on never f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 2, "", 
"error: invalid value 'never' for '--fail-on <SEVERITY>'
  [possible values: warning, error]

For more information, try '--help'."),
        ("no such code to suppress", "check --suppress SY9999 f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 2, "", 
r#"error: invalid value 'SY9999' for '--suppress <CODE[,CODE...][@PATH]>': there is no code "SY9999"; docs/findings.md has all of them

For more information, try '--help'."#),
        ("no path behind the code", "check --suppress SY0404@ f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 2, "", 
"error: invalid value 'SY0404@' for '--suppress <CODE[,CODE...][@PATH]>': names no path behind @; write one, as in SY0406@upstreams[2]

For more information, try '--help'."),
        ("a code that is suppressed", "check --suppress SY0202@mode f.yaml", &[("f.yaml", "mode: of
".as_bytes())], 0, "", ""),
        ("a warning is a failure if that is asked for", "check --fail-on warning f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes:
- {match: {path_regex: "/.*"}, upstream: a}
- {name: api, match: {path_prefix: /api}, upstream: a}
"#.as_bytes())], 1, 
r#"warning SY0404 no request reaches the route: f.yaml
    path     routes[1].match
    problem  no request reaches the route "api": routes[0] ("route-0") takes all of them
    fix      move the route in front of routes[0], or remove it
    page     switchyard check --explain SY0404 (docs/findings.md#sy0404)

f.yaml: ok, 1 upstreams, 2 routes
0 errors, 1 warning in 1 file"#, ""),
        ("no such code to explain", "check --explain SY0210", &[], 2, "", r#"error: there is no code "SY0210"; did you mean SY0201 (unknown field)?"#),
        ("explain and a file", "check --explain SY0201 f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 2, "", 
"error: the argument '--explain <CODE>' cannot be used with '[FILE]...'

Usage: switchyard check --explain <CODE> [FILE]...

For more information, try '--help'."),
        ("no such command", "chekc f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 2, "", 
"error: unrecognized subcommand 'chekc'

  tip: some similar subcommands exist: 'schema', 'check'

Usage: switchyard <COMMAND>

For more information, try '--help'."),
        ("no such option", "check --strict f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 2, "", 
"error: unexpected argument '--strict' found

  tip: to pass '--strict' as a value, use '-- --strict'

Usage: switchyard check [OPTIONS] [FILE]...

For more information, try '--help'."),
        ("no such shell", "completions tcsh", &[], 2, "", 
"error: invalid value 'tcsh' for '<SHELL>'
  [possible values: bash, elvish, fish, powershell, zsh]

  tip: a similar value exists: 'zsh'

For more information, try '--help'."),
        ("no shell", "completions", &[], 2, "", 
"error: the following required arguments were not provided:
  <SHELL>

Usage: switchyard completions <SHELL>

For more information, try '--help'."),
        ("two options that do not go together", "check --explain SY0201 --output json", &[], 2, "", 
"error: the argument '--explain <CODE>' cannot be used with '--output <OUTPUT>'

Usage: switchyard check --explain <CODE> [FILE]...

For more information, try '--help'."),
        ("an empty code", "check --suppress , f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{match: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 2, "", 
r#"error: invalid value ',' for '--suppress <CODE[,CODE...][@PATH]>': there is no code ""; docs/findings.md has all of them

For more information, try '--help'."#),
        ("an argument too many", "schema f.yaml", &[], 2, "", 
"error: unexpected argument 'f.yaml' found

Usage: switchyard schema

For more information, try '--help'."),
    ];
    rows.iter().copied().for_each(run);
}

/// A file that is longer than what is read is not read to its end; it is one of nothing but a hole.
#[test]
fn a_huge_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = File::create(folder.path().join("huge.yaml")).expect("a file");
    file.set_len(100 << 20).expect("a length");
    let mut command = Command::cargo_bin("switchyard").expect("the program");
    let assert = command.args(["check", "huge.yaml"]).current_dir(folder.path()).assert();
    assert.code(2).stdout("").stderr("error: huge.yaml: is longer than 64 MiB, the most that is read\n");
}

/// All that is wrong with many files is said in one go, in their order.
#[test]
fn what_is_found_is_written_out_before_what_could_not_be_read() {
    let good: &[u8] = b"{}";
    let files: &[(&str, &[u8])] = &[("b.yaml", b"mode: of"), ("c.yaml", good)];
    let out = "error SY0202 not what the field takes: b.yaml\n    path     mode\n    value    \"of\"\n    problem  \"of\" is not one of \
               enforce, shadow\n    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)\n\nc.yaml: ok, 0 upstreams, 0 routes\n1 error, 0 warnings in 2 files";
    let err = "error: a.yaml: No such file or directory (os error 2)\nerror: d.yaml: No such file or directory (os error 2)";
    run(("several", "check a.yaml b.yaml c.yaml d.yaml", files, 2, out, err));
}

/// What scripts read is all of standard output, and nothing else is.
#[test]
fn json_and_sarif_are_whole_and_alone() {
    for (format, key) in [("json", "findings"), ("sarif", "runs")] {
        let mut command = Command::cargo_bin("switchyard").expect("the program");
        let output = command
            .args(["check", "--output", format, "-"])
            .write_stdin("mode: of")
            .output()
            .expect("it runs");
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(value.get(key).and_then(serde_json::Value::as_array).map(Vec::len), Some(1), "{format}");
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stderr.is_empty());
    }
}

/// Every code has a page that the program prints.
#[test]
fn every_code_is_explained() {
    let mut command = Command::cargo_bin("switchyard").expect("the program");
    let output = command.args(["check", "--explain", "sy0404"]).output().expect("it runs");
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(page.starts_with("warning SY0404: no request reaches the route\n\n"), "{page}");
}

/// A name in a file cannot steer the terminal, and the program's own colours are colours still.
#[test]
fn control_characters_of_a_file_reach_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = r#"{"apiVersion": "x/v1", "kind": "EnvoyFilter", "metadata": {"name": "a\u001b[2Jb"}, "spec": {"configPatches": [{"patch": {"value":
        {"name": "switchyard", "vm_config": {}, "configuration": {"@type": "x.Struct", "value": {"mode": "\u001b[8m\u0007"}}}}}]}}"#;
    fs::write(folder.path().join("f.json"), manifest).expect("a file");
    for colours in [true, false] {
        let mut command = Command::cargo_bin("switchyard").expect("the program");
        let wanted = if colours { "CLICOLOR_FORCE" } else { "NO_COLOR" };
        command.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR").env(wanted, "1");
        command.args(["check", "f.json"]);
        let output = command.current_dir(folder.path()).output().expect("it runs");
        let all = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text")).concat();
        assert_eq!(all.contains("\u{1b}[1m\u{1b}[31merror"), colours, "{all:?}");
        let bare = anstream::adapter::strip_str(&all).to_string();
        assert!(bare.contains(r"a\u001b[2Jb") && !bare.contains(['\u{1b}', '\u{7}']), "{bare:?}");
    }
}

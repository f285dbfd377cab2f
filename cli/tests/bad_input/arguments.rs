//! Arguments that are wrong.

use super::*;

const ROWS: &[Row<'_>] = &[
    ("no such output", "check --output xml f.yaml", &[("f.yaml", GOOD)], 2, "", 
"error: invalid value 'xml' for '--output <OUTPUT>'
  [possible values: text, json, sarif]

For more information, try '--help'."),
    ("no such severity", "check --fail-on never f.yaml", &[("f.yaml", GOOD)], 2, "", 
"error: invalid value 'never' for '--fail-on <SEVERITY>'
  [possible values: warning, error]

For more information, try '--help'."),
    ("no such code to suppress", "check --suppress SY9999 f.yaml", &[("f.yaml", GOOD)], 2, "", 
r#"error: invalid value 'SY9999' for '--suppress <CODE[,CODE...][@PATH]>': there is no code "SY9999"; docs/findings.md has all of them

For more information, try '--help'."#),
    ("no path behind the code", "check --suppress SY0404@ f.yaml", &[("f.yaml", GOOD)], 2, "", 
"error: invalid value 'SY0404@' for '--suppress <CODE[,CODE...][@PATH]>': names no path behind @; write one, as in SY0406@upstreams[2]

For more information, try '--help'."),
    ("a code that is suppressed", "check --suppress SY0202@mode f.yaml", &[("f.yaml", "mode: of
".as_bytes())], 0, "", ""),
    ("a warning is a failure if that is asked for", "check --fail-on warning f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes:
- {match: {path_regex: "/.*"}, upstream: a}
- {name: api, match: {path_prefix: /api}, upstream: a}
"#.as_bytes())], 1, 
r#"warning SY0404 no request reaches the route: f.yaml:4
    path     routes[1].match
    problem  no request reaches the route "api": routes[0] ("route-0") takes all of them
    fix      move the route in front of routes[0], or remove it
    page     switchyard check --explain SY0404 (docs/findings.md#sy0404)

f.yaml: ok, 1 upstreams, 2 routes
0 errors, 1 warning in 1 file"#, ""),
    ("no such code to explain", "check --explain SY0210", &[], 2, "", r#"error: there is no code "SY0210"; did you mean SY0201 (unknown field)?"#),
    ("explain and a file", "check --explain SY0201 f.yaml", &[("f.yaml", GOOD)], 2, "", 
"error: the argument '--explain <CODE>' cannot be used with '[FILE]...'

Usage: switchyard check --explain <CODE> [FILE]...

For more information, try '--help'."),
    ("no such command", "chekc f.yaml", &[("f.yaml", GOOD)], 2, "", 
"error: unrecognized subcommand 'chekc'

  tip: some similar subcommands exist: 'schema', 'check'

Usage: switchyard <COMMAND>

For more information, try '--help'."),
    ("no such option", "check --strict f.yaml", &[("f.yaml", GOOD)], 2, "", 
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
    ("an empty code", "check --suppress , f.yaml", &[("f.yaml", GOOD)], 2, "", 
r#"error: invalid value ',' for '--suppress <CODE[,CODE...][@PATH]>': there is no code ""; docs/findings.md has all of them

For more information, try '--help'."#),
    ("an argument too many", "schema f.yaml", &[], 2, "", 
"error: unexpected argument 'f.yaml' found

Usage: switchyard schema

For more information, try '--help'."),
];

#[test]
fn wrong_arguments_are_told_with_what_is_right() {
    ROWS.iter().copied().for_each(run);
}

/// Every code has a page that the program prints.
#[test]
fn every_code_is_explained() {
    let mut command = switchyard(&[]);
    let output = command.args(["check", "--explain", "sy0404"]).output().expect("it runs");
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(page.starts_with("warning SY0404: no request reaches the route\n\n"), "{page}");
}

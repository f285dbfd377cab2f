//! What is YAML and what is not, and documents that are wrong.

use super::*;

const ROWS: &[Row<'_>] = &[
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
"error SY0201 unknown field: f.yaml:1
    path     version
    value    2
    problem  unknown field: documents of Switchyard 0.1.0 have no version
    fix      remove it, or if the document is of a newer version, take that version's program and modules
    page     switchyard check --explain SY0201 (docs/findings.md#sy0201)

1 error, 0 warnings in 1 file", ""),
    ("a field in other letters", "check f.yaml", &[("f.yaml", r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes: [{macth: {path_prefix: /}, upstream: a}]
"#.as_bytes())], 1, 
r#"error SY0201 unknown field: f.yaml:2
    path     routes[0].macth
    problem  unknown field
    fix      did you mean "match"?
    page     switchyard check --explain SY0201 (docs/findings.md#sy0201)

error SY0203 missing field: f.yaml:2
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
"error SY0202 not what the field takes: f.yaml:1
    path     upstreams[0].endpoints[0].weight
    value    1e+20
    problem  1e+20 is not a whole number of 0 or more
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file", ""),
    ("a null", "check f.yaml", &[("f.yaml", "mode:
".as_bytes())], 1, 
"error SY0202 not what the field takes: f.yaml:1
    path     mode
    value    null
    problem  is null
    fix      write a value or remove it
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file", ""),
];

#[test]
fn a_text_is_told_with_path_value_and_fix() {
    ROWS.iter().copied().for_each(run);
}

/// As deep as a program might write it by mistake.
#[test]
fn nesting_has_an_end() {
    let (open, closed) =
        ("[".repeat(100_000), format!("{{\"_a\": {}{}}}", "[".repeat(3_000), "]".repeat(3_000)));
    for (content, column) in [(open, 256), (closed, 262)] {
        let out = format!(
            "error SY0101 neither YAML nor JSON: f.json\n    problem  is neither YAML nor JSON: recursion limit exceeded at line 1, column \
             {column}\n    page     switchyard check --explain SY0101 (docs/findings.md#sy0101)\n\n1 error, 0 warnings in 1 file"
        );
        run(("deep nesting", "check f.json", &[("f.json", content.as_bytes())], 1, &out, ""));
    }
}

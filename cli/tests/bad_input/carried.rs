//! Documents inside bootstraps and manifests, and where there is none.

use super::*;

const ROWS: &[Row<'_>] = &[
    (
        "a bootstrap without a plugin of ours",
        "check f.yaml",
        &[(
            "f.yaml",
            "admin: {address: {}}
"
            .as_bytes(),
        )],
        1,
        "error SY0103 no Switchyard plugin in the file: f.yaml
    problem  no Switchyard plugin in this bootstrap, so there is nothing to check
    fix      name the file that has one, or check the document by itself
    page     switchyard check --explain SY0103 (docs/findings.md#sy0103)

1 error, 0 warnings in 1 file",
        "",
    ),
    (
        "an EnvoyFilter for another plugin",
        "check f.yaml",
        &[(
            "f.yaml",
            "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: other}
spec: {configPatches: [{patch: {value: {name: other, vm_config: {}}}}]}
"
            .as_bytes(),
        )],
        1,
        "error SY0601 no Switchyard plugin in the manifests: f.yaml
    problem  no Switchyard plugin in this manifest, so there is nothing to check
    fix      name the file that has one, or check the document by itself
    page     switchyard check --explain SY0601 (docs/findings.md#sy0601)

1 error, 0 warnings in 1 file",
        "",
    ),
    (
        "YAML inside a StringValue",
        "check f.yaml",
        &[(
            "f.yaml",
            router!(r#"{"@type": type.googleapis.com/google.protobuf.StringValue, value: "mode: shadow"}"#),
        )],
        1,
        r#"error SY0207 the document cannot be read: f.yaml:6 (switchyard)
    value    "mode: shadow"
    problem  is not JSON: expected value at line 1 column 1
    fix      a filter takes JSON text or a google.protobuf.Struct, not YAML text
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#,
        "",
    ),
    (
        "JSON that stops inside a StringValue",
        "check f.yaml",
        &[(
            "f.yaml",
            router!(r#"{"@type": type.googleapis.com/google.protobuf.StringValue, value: '{"mode": '}"#),
        )],
        1,
        r#"error SY0207 the document cannot be read: f.yaml:6 (switchyard)
    value    "{\"mode\": "
    problem  is not JSON: EOF while parsing a value at line 1 column 9
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#,
        "",
    ),
    (
        "no base64 inside a BytesValue",
        "check f.yaml",
        &[("f.yaml", router!(r#"{"@type": type.googleapis.com/google.protobuf.BytesValue, value: "%%%"}"#))],
        1,
        r#"error SY0207 the document cannot be read: f.yaml:6 (switchyard)
    value    "%%%"
    problem  is not base64, as the value of a BytesValue is (Invalid symbol 37, offset 0.)
    fix      encode it
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#,
        "",
    ),
    (
        "base64 of what is no document",
        "check f.yaml",
        &[(
            "f.yaml",
            router!(r#"{"@type": type.googleapis.com/google.protobuf.BytesValue, value: "aGVsbG8="}"#),
        )],
        1,
        r#"error SY0207 the document cannot be read: f.yaml:6 (switchyard)
    value    "hello"
    problem  is not JSON: expected value at line 1 column 1
    fix      a filter takes JSON text or a google.protobuf.Struct, not YAML text
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#,
        "",
    ),
    (
        "a configuration that is a list",
        "check f.yaml",
        &[("f.yaml", router!(r#"{"@type": x, value: []}"#))],
        1,
        "error SY0202 not what the field takes: f.yaml:6 (switchyard)
    problem  a list of 0 is not an object
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

1 error, 0 warnings in 1 file",
        "",
    ),
    (
        "several files, of which one is bad",
        "check good.yaml bad.yaml",
        &[
            ("good.yaml", GOOD),
            (
                "bad.yaml",
                "mode: of
"
                .as_bytes(),
            ),
        ],
        1,
        r#"error SY0202 not what the field takes: bad.yaml:1
    path     mode
    value    "of"
    problem  "of" is not one of enforce, shadow
    page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

good.yaml: ok, 1 upstreams, 1 routes
1 error, 0 warnings in 2 files"#,
        "",
    ),
    (
        "a warning is no failure",
        "check f.yaml",
        &[(
            "f.yaml",
            r#"upstreams: [{name: a, endpoints: [{address: "1.1.1.1:1"}]}]
routes:
- {match: {path_regex: "/.*"}, upstream: a}
- {name: api, match: {path_prefix: /api}, upstream: a}
"#
            .as_bytes(),
        )],
        0,
        r#"warning SY0404 no request reaches the route: f.yaml:4
    path     routes[1].match
    problem  no request reaches the route "api": routes[0] ("route-0") takes all of them
    fix      move the route in front of routes[0], or remove it
    page     switchyard check --explain SY0404 (docs/findings.md#sy0404)

f.yaml: ok, 1 upstreams, 2 routes
0 errors, 1 warning in 1 file"#,
        "",
    ),
    (
        "a plugin whose configuration is misspelt",
        "check f.yaml",
        &[(
            "f.yaml",
            "static_resources:
  listeners:
  - name: switchyard
    failure_policy: FAIL_RELOAD
    vm_config: {code: {local: {filename: /etc/router.wasm}}}
    configuratoin: {}
"
            .as_bytes(),
        )],
        1,
        r#"error SY0510 a field that a plugin's settings do not have: f.yaml:3 (switchyard)
    problem  "configuratoin" beside vm_config is no field of Envoy's, which refuses it
    fix      did you mean "configuration"?
    page     switchyard check --explain SY0510 (docs/findings.md#sy0510)

warning SY0509 the plugin has no document: f.yaml:3 (switchyard)
    problem  the plugin has no configuration, so it does nothing
    fix      put the document into configuration
    page     switchyard check --explain SY0509 (docs/findings.md#sy0509)

f.yaml (switchyard): ok, 0 upstreams, 0 routes
1 error, 1 warning in 1 file"#,
        "",
    ),
    (
        "a plugin without a configuration",
        "check f.yaml",
        &[(
            "f.yaml",
            "static_resources:
  listeners:
  - name: switchyard
    failure_policy: FAIL_RELOAD
    vm_config: {code: {local: {filename: /etc/router.wasm}}}
"
            .as_bytes(),
        )],
        0,
        r#"warning SY0509 the plugin has no document: f.yaml:3 (switchyard)
    problem  the plugin has no configuration, so it does nothing
    fix      put the document into configuration
    page     switchyard check --explain SY0509 (docs/findings.md#sy0509)

f.yaml (switchyard): ok, 0 upstreams, 0 routes
0 errors, 1 warning in 1 file"#,
        "",
    ),
    (
        "a StringValue with a map in it",
        "check f.yaml",
        &[(
            "f.yaml",
            router!("{\"@type\": type.googleapis.com/google.protobuf.StringValue, value: {mode: shadow}}"),
        )],
        1,
        r#"error SY0207 the document cannot be read: f.yaml:6 (switchyard)
    problem  is no text, as the value of a StringValue is
    fix      take google.protobuf.Struct
    page     switchyard check --explain SY0207 (docs/findings.md#sy0207)

1 error, 0 warnings in 1 file"#,
        "",
    ),
];

#[test]
fn what_is_inside_a_file_is_told_with_its_place() {
    ROWS.iter().copied().for_each(run);
}

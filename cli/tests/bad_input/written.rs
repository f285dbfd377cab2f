//! What is written out, by which way, and that it harms no terminal.

use super::*;

/// What scripts read is all of standard output, and nothing else is.
#[test]
fn json_and_sarif_are_whole_and_alone() {
    for (format, key) in [("json", "findings"), ("sarif", "runs")] {
        let mut command = switchyard(&[]);
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

/// A name in a file cannot steer the terminal, and the program's own colours are colours still.
#[test]
fn control_characters_of_a_file_reach_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = r#"{"apiVersion": "x/v1", "kind": "EnvoyFilter", "metadata": {"name": "a\u001b[2Jb"}, "spec": {"configPatches": [{"patch": {"value":
        {"name": "switchyard", "vm_config": {}, "configuration": {"@type": "x.Struct", "value": {"mode": "\u001b[8m\u0007"}}}}}]}}"#;
    fs::write(folder.path().join("f.json"), manifest).expect("a file");
    for colours in [true, false] {
        let mut command = switchyard(&[]);
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

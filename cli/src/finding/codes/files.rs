//! SY01: files.

use super::{Code, Severity, codes};

codes! {
    /// The text stops being YAML.
    SYNTAX = Error "SY0101" "neither YAML nor JSON"
        "The file is a text, and neither YAML nor JSON. The problem says where it stops being so. YAML is indented by spaces, never by tabs; a \
         key stands once in an object; anchors and merge keys are taken, within bounds.";
    /// Several documents in a file of one.
    SEVERAL = Error "SY0102" "several documents in one file"
        "A Switchyard document or a bootstrap stands alone in its file; only Kubernetes manifests stand one after another, separated by `---`. \
         Which of several documents is meant nobody can tell. Put each into a file of its own.";
    /// A bootstrap without a plugin of ours.
    NO_PLUGIN = Error "SY0103" "no Switchyard plugin in the file"
        "The file is Envoy's configuration, and none of its Wasm plugins is one of Switchyard's, so there is nothing to check. A plugin is \
         Switchyard's if its name begins with `switchyard`, if it loads one of the modules by its file's name (`router.wasm`), or if its image \
         is called so. If it is there under another name, rename it. One that comes by `config_discovery` is found by its name, and the file that it \
         comes from is to be checked.";
}

//! The licences of what others wrote and is inside what is handed out, in one text file.
//!
//! Invariant: every crate is named with its licence; texts and notices are copied from the crate's own files, each text once. A crate that
//! ships none is said to.

use super::parts::{Key, Part};
use super::sbom::OF_RUST;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// How the names of files with a licence or a notice begin, in capitals.
const BEGINNINGS: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

const RULE: &str = "--------------------------------------------------------------------------------";

/// The text for these crates; our own, which come from no registry, are left out.
///
/// # Errors
/// When a crate's folder cannot be read.
pub(super) fn third_party(parts: &BTreeMap<Key, Part>) -> Result<String> {
    let mut list = String::from(
        "What others wrote and is inside Switchyard's modules and its program, with their licences.\n\n",
    );
    writeln!(
        list,
        "Rust's standard library ({OF_RUST}), of the Rust Project's contributors; used under Apache-2.0."
    )?;
    // Texts, with the crates that have them.
    let mut texts = BTreeMap::<String, Vec<String>>::new();
    for ((name, version), part) in parts.iter().filter(|(_, part)| part.checksum.is_some()) {
        let files = files(&part.folder).with_context(|| format!("licence files of {name} {version}"))?;
        let note = if files.is_empty() { "; it ships no text of it" } else { "" };
        writeln!(list, "{name} {version} ({}){note}", part.licence)?;
        for text in files {
            texts.entry(text).or_default().push(format!("{name} {version}"));
        }
    }
    for (text, of) in texts {
        write!(list, "\n{RULE}\n{}\n{RULE}\n\n{text}\n", of.join(", "))?;
    }
    Ok(list)
}

/// The texts in a crate's top folder, by their files' names.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if entry.path().is_file() && BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).replace("\r\n", "\n");
            found.insert(name, text.trim_end().to_owned());
        }
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_there_once_with_all_who_have_it() {
        let place = tempfile::tempdir().unwrap();
        let part = |name: &str, files: &[(&str, &str)], checksum: Option<&str>| {
            let folder = place.path().join(name);
            fs::create_dir_all(folder.join("LICENSES")).unwrap();
            files.iter().for_each(|(file, text)| fs::write(folder.join(file), text).unwrap());
            let checksum = checksum.map(str::to_owned);
            ((name.to_owned(), "1.0.0".to_owned()), Part { licence: "MIT".to_owned(), checksum, folder })
        };
        let parts = BTreeMap::from([
            part("a", &[("LICENSE-MIT", "Text of MIT.\r\nTwo lines.\n"), ("NOTICE", "By A.")], Some("1")),
            part("b", &[("license", "Text of MIT.\nTwo lines."), ("lib.rs", "code")], Some("2")),
            part("bare", &[], Some("3")),
            part("ours", &[("LICENSE", "Ours.")], None),
        ]);
        let text = third_party(&parts).unwrap();
        assert_eq!(text.matches("Text of MIT.\nTwo lines.\n").count(), 1, "{text}");
        assert!(text.contains("\na 1.0.0, b 1.0.0\n") && text.contains("By A."), "{text}");
        assert!(text.contains("\nbare 1.0.0 (MIT); it ships no text of it\n"), "{text}");
        assert!(!text.contains("ours") && !text.contains("code"), "{text}");
    }
}

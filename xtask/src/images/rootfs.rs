//! The files of an image: an archive that is the same, byte for byte, for the same program and libraries.
//!
//! Invariant: entries are sorted, owned by root and dated 1970, so the digest depends on the content alone.
//! Trade-off: files are read twice (digest, then archive) and never held in memory: Envoy alone is 100 MB.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::libraries;

/// So that programs which ask for the name of their user find one.
const PASSWD: &[u8] = b"root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n";

/// What one image holds, by path without the leading slash.
#[derive(Debug)]
pub(super) struct Rootfs {
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug)]
enum Entry {
    /// A file of this machine, followed through symbolic links; executable.
    Copy(PathBuf),
    /// A readable file with these bytes.
    Text(&'static [u8]),
    /// A directory that everyone may write to.
    Scratch,
}

impl Rootfs {
    /// The files that `program` needs to run at `place`, an absolute path in the image.
    ///
    /// # Errors
    /// When a library is missing; see [`libraries::of`].
    pub(super) fn of(program: &Path, place: &str) -> Result<Self> {
        let mut entries = BTreeMap::from([
            ("etc/passwd".into(), Entry::Text(PASSWD)),
            ("tmp".into(), Entry::Scratch),
            (inside(Path::new(place)), Entry::Copy(program.to_owned())),
        ]);
        for library in libraries::of(program)? {
            entries.insert(inside(&library), Entry::Copy(library));
        }
        Ok(Self { entries })
    }

    /// SHA-256 over every path, kind, length and content, in hexadecimal digits.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn digest(&self) -> Result<String> {
        let mut sum = Sha256::new();
        for (path, entry) in &self.entries {
            let name = path.as_os_str().as_encoded_bytes();
            let (mut content, length, mode) = entry.open()?;
            for field in [name.len() as u64, u64::from(mode), length] {
                sum.update(field.to_le_bytes());
            }
            sum.update(name);
            let mut block = vec![0; 1 << 16];
            loop {
                let read =
                    content.read(&mut block).with_context(|| format!("reading /{}", path.display()))?;
                match block.get(..read) {
                    Some(bytes) if read > 0 => sum.update(bytes),
                    _ => break,
                }
            }
        }
        Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Writes the archive that `docker import` reads.
    ///
    /// # Errors
    /// When a file cannot be read, or `out` does not take the bytes.
    pub(super) fn write(&self, out: impl Write) -> Result<()> {
        let mut archive = tar::Builder::new(out);
        for (path, entry) in &self.entries {
            let (content, length, mode) = entry.open()?;
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(entry.kind());
            header.set_size(length);
            header.set_mode(mode);
            // A file that grew meanwhile must not run into the next entry's header.
            archive
                .append_data(&mut header, path, content.take(length))
                .with_context(|| format!("archiving /{}", path.display()))?;
        }
        archive.into_inner()?.flush()?;
        Ok(())
    }
}

impl Entry {
    /// Its content, the content's length in bytes and its permissions.
    fn open(&self) -> Result<(Box<dyn Read>, u64, u32)> {
        Ok(match self {
            Self::Copy(source) => {
                let named = || format!("opening {}", source.display());
                let file = File::open(source).with_context(named)?;
                let length = file.metadata().with_context(named)?.len();
                (Box::new(file), length, 0o755)
            }
            Self::Text(bytes) => (Box::new(*bytes), bytes.len() as u64, 0o644),
            Self::Scratch => (Box::new(io::empty()), 0, 0o1777),
        })
    }

    fn kind(&self) -> tar::EntryType {
        match self {
            Self::Copy(_) | Self::Text(_) => tar::EntryType::Regular,
            Self::Scratch => tar::EntryType::Directory,
        }
    }
}

fn inside(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_program(content: &[u8]) -> (tempfile::TempDir, Rootfs) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        std::fs::write(&program, content).unwrap();
        let entries = BTreeMap::from([
            ("bin/program".into(), Entry::Copy(program)),
            ("etc/passwd".into(), Entry::Text(PASSWD)),
            ("tmp".into(), Entry::Scratch),
        ]);
        (dir, Rootfs { entries })
    }

    fn archive(rootfs: &Rootfs) -> Vec<u8> {
        let mut bytes = Vec::new();
        rootfs.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_archive_holds_each_entry_with_its_mode_and_content() {
        let (_dir, rootfs) = of_program(b"machine code");
        let bytes = archive(&rootfs);
        let mut seen = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let path = entry.path().unwrap().display().to_string();
            seen.push((path.trim_end_matches('/').to_owned(), entry.header().mode().unwrap(), content));
        }
        assert_eq!(
            seen,
            [
                ("bin/program".to_owned(), 0o755, b"machine code".to_vec()),
                ("etc/passwd".to_owned(), 0o644, PASSWD.to_vec()),
                ("tmp".to_owned(), 0o1777, Vec::new()),
            ]
        );
    }

    #[test]
    fn same_content_from_another_place_gives_the_same_digest_and_archive() {
        let ((_one, first), (_two, second)) = (of_program(b"same"), of_program(b"same"));
        assert_eq!(first.digest().unwrap(), second.digest().unwrap());
        assert_eq!(archive(&first), archive(&second));
    }

    #[test]
    fn one_changed_byte_changes_the_digest() {
        let ((_one, first), (_two, second)) = (of_program(b"same"), of_program(b"sane"));
        assert_ne!(first.digest().unwrap(), second.digest().unwrap());
    }

    #[test]
    fn an_entry_moved_to_another_path_changes_the_digest() {
        let (_dir, mut rootfs) = of_program(b"same");
        let before = rootfs.digest().unwrap();
        let program = rootfs.entries.remove(Path::new("bin/program")).unwrap();
        rootfs.entries.insert("bin/other".into(), program);
        assert_ne!(rootfs.digest().unwrap(), before);
    }

    #[test]
    fn a_program_that_is_gone_is_an_error_that_names_it() {
        let (dir, rootfs) = of_program(b"gone");
        drop(dir);
        let error = format!("{:#}", rootfs.digest().unwrap_err());
        assert!(error.contains("program"), "{error}");
    }

    #[test]
    fn a_program_of_this_machine_comes_with_its_loader() {
        let own = std::env::current_exe().unwrap();
        let rootfs = Rootfs::of(&own, "/usr/local/bin/own").unwrap();
        assert!(rootfs.entries.contains_key(Path::new("usr/local/bin/own")));
        assert!(rootfs.entries.keys().any(|path| path.display().to_string().contains("ld-")));
    }
}

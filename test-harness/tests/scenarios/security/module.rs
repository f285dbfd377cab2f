//! What a built module imports and exports: its import and export sections.
//!
//! Invariant: a module that cannot be read to the end of both sections is an error. Trade-off: imports of anything but functions are one, too, since
//! no module of ours has any; a reader of all of WebAssembly would be a dependency for sixty lines.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, ensure};

const IMPORTS: u8 = 2;
const EXPORTS: u8 = 7;

/// The functions of both sections.
#[derive(Debug, Default)]
pub(super) struct Sections {
    /// `env.proxy_log`.
    pub(super) imports: BTreeSet<String>,
    /// `proxy_on_tick`, `malloc`, `memory`.
    pub(super) exports: BTreeSet<String>,
}

impl Sections {
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        Self::of(&bytes).with_context(|| format!("{} is not read to its end", file.display()))
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (mut all, mut rest) = (Self::default(), Bytes(bytes.strip_prefix(b"\0asm\x01\0\0\0")?));
        while let Some(kind) = rest.byte() {
            let length = rest.number()?;
            let mut section = Bytes(rest.take(length)?);
            let count = if [IMPORTS, EXPORTS].contains(&kind) { section.number()? } else { 0 };
            for _ in 0..count {
                let mut name = section.name()?;
                if kind == IMPORTS {
                    name = format!("{name}.{}", section.name()?);
                    (section.byte()? == 0).then_some(())?;
                } else {
                    section.byte()?;
                }
                section.number()?;
                if kind == IMPORTS { &mut all.imports } else { &mut all.exports }.insert(name);
            }
        }
        Some(all)
    }

    /// The host calls among the imports; any other import is an error.
    pub(super) fn host_calls(&self) -> anyhow::Result<BTreeSet<&str>> {
        let calls = self.imports.iter().map(|import| {
            let call = import.strip_prefix("env.").filter(|call| call.starts_with("proxy_"));
            call.with_context(|| format!("{import} is no host call of Envoy's"))
        });
        calls.collect()
    }

    /// The callbacks among the exports.
    pub(super) fn callbacks(&self) -> anyhow::Result<BTreeSet<&str>> {
        let all: BTreeSet<_> = self.exports.iter().map(String::as_str).collect();
        ensure!(all.contains("proxy_abi_version_0_2_1"), "of another version of the ABI: {all:?}");
        Ok(all.into_iter().filter(|name| name.starts_with("proxy_on_")).collect())
    }
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// LEB128 of at most 32 bits.
    fn number(&mut self) -> Option<usize> {
        let mut number = 0_usize;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn name(&mut self) -> Option<String> {
        let length = self.number()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
}

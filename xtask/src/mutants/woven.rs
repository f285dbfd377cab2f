//! Crates with their mutants woven in, and what becomes of those that do not compile.
//!
//! Invariant: each mutant of the list is woven, or has a reason why it is not. What the compiler refuses is taken to be a fault of the innermost
//! place around it: first that place is woven in its other form, then it is left out.

use super::compile::Fault;
use super::crates::Crate;
use super::listed::Mutant;
use super::marks::{Mark, marks};
use super::places::{Places, Refused};
use super::weave::{File, Form};
use super::{Fate, switch};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The woven files of a copy.
pub(super) struct Woven {
    copy: PathBuf,
    files: BTreeMap<String, File>,
    /// As written last, by file.
    written: BTreeMap<String, String>,
    /// What is settled before any test is run, by mutant.
    pub(super) settled: BTreeMap<usize, Fate>,
}

impl Woven {
    /// Weaves all mutants into the copies of these crates.
    ///
    /// # Errors
    /// When a source cannot be read or written, or is no Rust.
    pub(super) fn new(copy: &Path, crates: &[Crate], mutants: &[Mutant]) -> Result<Self> {
        let (files, written) = Default::default();
        let mut woven = Self { copy: copy.to_path_buf(), files, written, settled: BTreeMap::new() };
        let names: BTreeSet<&str> = mutants.iter().map(|mutant| &*mutant.file).collect();
        for name in names {
            let text = fs::read_to_string(copy.join(name)).with_context(|| format!("reading {name}"))?;
            let places = Places::of(&text).with_context(|| name.to_owned())?;
            let mut file = File::new(text);
            for (number, mutant) in mutants.iter().enumerate().filter(|(_, mutant)| mutant.file == name) {
                match places.at(mutant.genre, mutant.span.start) {
                    Some(place) if place.refused.is_none() => file.add(number, mutant, place),
                    place => woven.settle(number, place.and_then(|place| place.refused)),
                }
            }
            file.sort();
            woven.files.insert(name.to_owned(), file);
        }
        let roots = crates
            .iter()
            .flat_map(|of| ["lib.rs", "main.rs"].map(|name| format!("{}/src/{name}", of.folder)));
        for root in roots.map(|name| copy.join(name)) {
            if root.is_file() {
                let name = root.strip_prefix(copy)?.to_string_lossy().into_owned();
                let text = fs::read_to_string(&root)?;
                woven
                    .files
                    .entry(name)
                    .or_insert_with(|| File::new(text))
                    .ends_with(&switch::source(mutants.len()));
            }
        }
        woven.write()?;
        Ok(woven)
    }

    fn settle(&mut self, number: usize, refused: Option<Refused>) {
        let fate = match refused {
            Some(Refused::LetChain | Refused::Needed) => Fate::Unviable,
            Some(Refused::Elsewhere) => Fate::Elsewhere,
            Some(Refused::Constant | Refused::LetGuard) | None => Fate::NotTried,
        };
        self.settled.insert(number, fate);
    }

    /// Writes what changed.
    fn write(&mut self) -> Result<()> {
        for (name, file) in &self.files {
            let text = file.woven();
            if self.written.get(name) != Some(&text) {
                fs::write(self.copy.join(name), &text).with_context(|| format!("writing {name}"))?;
                self.written.insert(name.clone(), text);
            }
        }
        Ok(())
    }

    /// Does something about each fault, and writes the sources anew.
    ///
    /// # Errors
    /// When nothing can be done about any.
    pub(super) fn mend(&mut self, faults: &[Fault]) -> Result<()> {
        let mut mended: BTreeSet<(String, Mark)> = BTreeSet::new();
        for fault in faults {
            let Some((name, mark)) = self.blamed(fault) else { continue };
            if mended.insert((name.clone(), mark)) {
                self.leave_out(&name, mark, fault.is_of_constants());
            }
        }
        if mended.is_empty() {
            let texts: Vec<&str> = faults.iter().take(3).map(|fault| &*fault.text).collect();
            bail!("the woven copy does not compile, at no place of a mutant:\n{}", texts.join("\n"));
        }
        self.write()
    }

    /// The innermost place around the first of a fault's spans that has one.
    fn blamed(&self, fault: &Fault) -> Option<(String, Mark)> {
        fault.spans.iter().find_map(|span| {
            let name =
                span.file_name.strip_prefix(&format!("{}/", self.copy.display())).unwrap_or(&span.file_name);
            let marks = marks(self.written.get(name)?);
            let around = marks
                .iter()
                .rev()
                .find(|(bytes, _)| bytes.start <= span.byte_start && span.byte_end <= bytes.end);
            around.map(|(_, mark)| (name.to_owned(), *mark))
        })
    }

    fn leave_out(&mut self, name: &str, mark: Mark, is_of_constants: bool) {
        let Some(file) = self.files.get_mut(name) else { return };
        match mark {
            Mark::Mutant(number) => {
                let fate = if is_of_constants { Fate::NotTried } else { Fate::Unviable };
                self.settled.insert(number, fate);
                file.sites.iter_mut().for_each(|site| site.changes.retain(|change| change.number != number));
            }
            Mark::Site(index) => {
                let Some(site) = file.sites.get_mut(index) else { return };
                site.form = if site.has_two_forms() && !is_of_constants { Form::Twice } else { Form::Out };
                if site.form == Form::Out {
                    self.settled.extend(site.changes.iter().map(|change| (change.number, Fate::NotTried)));
                }
            }
        }
    }

    /// How many are behind a switch.
    pub(super) fn count(&self) -> usize {
        let sites = self.files.values().flat_map(|file| &file.sites).filter(|site| site.form != Form::Out);
        sites.map(|site| site.changes.len()).sum()
    }
}

//! What the documentation shows of the program is what the program says.
//!
//! A page's YAML block whose first line is `# NAME.yaml` is that file. A line `$ switchyard …` (or `$ sed …`) of a console block is run in a folder that has the
//! page's files and `envoy-config/`; what follows up to the next `$` is what it prints, or is not shown. What needs a running Envoy
//! is not run here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What marks a line that needs more than the program and the page's files.
const NEEDS_MORE: [&str; 6] = [" doctor ", " status ", "localhost:", "jq ", "access.log", "…"];

/// A command, and what is shown of its output.
struct Shown {
    command: String,
    output: String,
}

#[derive(Default)]
struct Page {
    files: Vec<(String, String)>,
    shown: Vec<Shown>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// README and every page below docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("md") => pages.push(path),
                _ if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    pages.sort();
    pages
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut block: Option<(String, Vec<&str>)> = None;
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), block.take()) {
                (Some(_), Some((language, lines))) => page.block(&language, &lines),
                (Some(language), None) => block = Some((language.trim().to_owned(), Vec::new())),
                (None, Some((language, mut lines))) => {
                    lines.push(line);
                    block = Some((language, lines));
                }
                (None, None) => {}
            }
        }
        page
    }

    fn block(&mut self, language: &str, lines: &[&str]) {
        let name = lines.first().and_then(|line| line.strip_prefix("# "));
        match (language, name) {
            ("yaml", Some(name)) if name.ends_with(".yaml") && !name.contains([' ', '/']) => {
                self.files.push((name.to_owned(), lines.join("\n")));
            }
            ("console", _) => self.console(lines),
            _ => {}
        }
    }

    fn console(&mut self, lines: &[&str]) {
        let mut goes_on = false;
        for line in lines {
            let (begins, last) = (line.strip_prefix("$ "), self.shown.last_mut());
            match (begins, last) {
                (Some(command), _) => {
                    self.shown.push(Shown { command: command.to_owned(), output: String::new() });
                }
                (None, Some(last)) if goes_on => last.command = format!("{}\n{line}", last.command),
                (None, Some(last)) => last.output += &format!("{line}\n"),
                (None, None) => {}
            }
            goes_on = (begins.is_some() || goes_on) && line.ends_with('\\');
        }
    }
}

/// Runs a line in a shell that finds the program: the exit code, standard output and standard error.
fn run(line: &str, folder: &Path) -> (i32, String, String) {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_switchyard"));
    let mut path = program.parent().expect("a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .envs([("PATH", path.as_os_str()), ("NO_COLOR", "1".as_ref())])
        .output()
        .expect("a shell");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// What is wrong with the commands of a page, and how many outputs were compared.
fn wrong_in(path: &Path) -> (Vec<String>, usize) {
    let page = Page::read(&fs::read_to_string(path).expect("a page"));
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root().join("envoy-config"), folder.path().join("envoy-config"))
        .expect("a link");
    for (name, text) in &page.files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for Shown { command, output } in &page.shown {
        let is_ours = ["switchyard ", "sed "].iter().any(|name| command.starts_with(name));
        if !is_ours || NEEDS_MORE.iter().any(|mark| command.contains(mark)) {
            continue;
        }
        let (code, said, complained) = run(command, folder.path());
        let all = format!("{complained}\n{said}");
        let shown = output.trim_end();
        compared += usize::from(!shown.is_empty());
        if code > 1 || !shown.is_empty() && said != shown && all.trim() != shown {
            wrong.push(format!(
                "{}: {command}: {code}\n--- is shown to say\n{shown}\n--- says\n{}",
                path.display(),
                all.trim()
            ));
        }
    }
    (wrong, compared)
}

#[test]
fn every_command_of_the_documentation_says_what_is_shown() {
    let (wrong, compared): (Vec<_>, Vec<_>) = pages().iter().map(|path| wrong_in(path)).unzip();
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let compared: usize = compared.iter().sum();
    assert!(compared > 20, "{compared} commands with their output: is the documentation read?");
}

#[test]
fn a_page_is_read_as_it_is_meant() {
    let page = Page::read(
        "```yaml\n# a.yaml\nx: 1\n```\n```yaml\ny: 2\n```\n```console\n$ one \\\n  more\nsaid\n\nagain\n$ two\n```\n```\n$ three\n```\n",
    );
    assert_eq!(page.files, [("a.yaml".to_owned(), "# a.yaml\nx: 1".to_owned())]);
    let shown: Vec<_> = page.shown.iter().map(|one| (&*one.command, &*one.output)).collect();
    assert_eq!(shown, [("one \\\n  more", "said\n\nagain\n"), ("two", "")]);
}

//! What a page of documentation names: paths, commands, and configuration examples.

/// The findings of one page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Markdown {
    /// Files and folders of this project: targets of links, and `code` that looks like a path.
    pub(super) paths: Vec<String>,
    /// `cargo xtask …`, in code and in console blocks; `switchyard …` in console blocks, since its name alone is prose.
    pub(super) commands: Vec<String>,
    /// Blocks of YAML or JSON that are Switchyard documents.
    pub(super) documents: Vec<String>,
}

/// Folders whose names begin a path of this project.
const TOP: [&str; 7] = ["filters/", "envoy-config/", "test-harness/", "xtask/", "docs/", "target/", ".ci/"];

impl Markdown {
    /// Reads a page.
    pub(super) fn of(text: &str) -> Self {
        let mut found = Self::default();
        let mut block: Option<(String, String)> = None;
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), block.take()) {
                (Some(_), Some((language, content))) => found.block(&language, content),
                (Some(language), None) => block = Some((language.trim().to_owned(), String::new())),
                (None, Some((language, content))) => block = Some((language, format!("{content}{line}\n"))),
                (None, None) => found.prose(line),
            }
        }
        found
    }

    fn block(&mut self, language: &str, content: String) {
        match language {
            "console" | "sh" | "bash" | "shell" => {
                for line in content.replace("\\\n", " ").lines() {
                    let Some(line) = line.strip_prefix("$ ") else { continue };
                    let line = line.split('#').next().unwrap_or_default().trim();
                    self.command(line);
                    if line.starts_with("switchyard ") {
                        let own = line.split(['|', '>']).next().unwrap_or_default();
                        self.commands.push(own.trim().to_owned());
                    }
                }
            }
            "yaml" | "json" if content.contains("upstreams") => self.documents.push(content),
            _ => {}
        }
    }

    fn prose(&mut self, line: &str) {
        for (index, code) in line.split('`').enumerate() {
            // Between backticks stands every second piece.
            if index % 2 == 1 {
                self.command(code);
                let path = code.split([' ', ':']).next().unwrap_or_default();
                if TOP.iter().any(|top| path.starts_with(top)) {
                    self.paths.push(path.to_owned());
                }
            }
        }
        for link in line.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                self.paths.push(target.to_owned());
            }
        }
    }

    fn command(&mut self, code: &str) {
        if code.starts_with("cargo xtask ") && !code.contains(['|', '…', ';']) {
            self.commands.push(code.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_commands_and_documents_are_found() {
        let page = "See [it](docs/config.md#x), [there](https://example.org) and `filters/core/src/lib.rs`.\n\
                    Run `cargo xtask tidy`.\n\
                    ```console\n$ cargo xtask demo   # a comment\n$ curl x\n$ switchyard check \\\n  a.yaml | head\nswitchyard x\n```\n\
                    ```yaml\nupstreams: []\n```\n\
                    ```yaml\nother: 1\n```\n";
        let found = Markdown::of(page);
        assert_eq!(found.paths, ["filters/core/src/lib.rs", "docs/config.md"]);
        assert_eq!(found.commands, ["cargo xtask tidy", "cargo xtask demo", "switchyard check    a.yaml"]);
        assert_eq!(found.documents, ["upstreams: []\n"]);
    }
}

//! Findings that are left out: by code, everywhere or below a path.

use crate::finding::{Code, Finding};
use crate::pages;
use std::str::FromStr;

/// Which findings are left out.
#[derive(Clone, Debug)]
pub struct Suppress {
    codes: Vec<&'static Code>,
    below: Option<String>,
}

impl FromStr for Suppress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (codes, below) = match text.split_once('@') {
            Some((_, "")) => {
                return Err("names no path behind @; write one, as in SY0406@upstreams[2]".to_owned());
            }
            Some((codes, below)) => (codes, Some(below.to_owned())),
            None => (text, None),
        };
        let code = |id: &str| pages::find(id.trim()).ok_or_else(|| pages::unknown(id.trim()));
        Ok(Self { codes: codes.split(',').map(code).collect::<Result<_, _>>()?, below })
    }
}

impl Suppress {
    /// Whether this finding is one of them.
    pub fn covers(&self, finding: &Finding) -> bool {
        let is_below = |beginning: &str| {
            finding
                .path
                .strip_prefix(beginning)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.codes.iter().any(|code| code.id == finding.code.id) && self.below.as_deref().is_none_or(is_below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::codes;

    #[test]
    fn a_path_covers_what_is_below_it_and_nothing_beside_it() {
        let finding = |path: &str| Finding {
            code: &codes::UNREACHABLE,
            file: "f".to_owned(),
            place: String::new(),
            path: path.to_owned(),
            line: None,
            value: None,
            problem: String::new(),
            fix: None,
        };
        let covers = |text: &str, path: &str| text.parse::<Suppress>().unwrap().covers(&finding(path));
        assert!(covers("SY0404", "routes[1]"));
        assert!(covers("SY0101, sy0404", ""));
        assert!(!covers("SY0405", "routes[1]"));
        assert!(covers("SY0404@routes", "routes[1]"));
        assert!(covers("SY0404@routes[1]", "routes[1].match"));
        assert!(!covers("SY0404@routes[1]", "routes[10]"));
        assert!(!covers("SY0404@routes[1].match", "routes[1]"));
        assert!("SY0404@".parse::<Suppress>().is_err());
        assert!("SY0404,SY9999".parse::<Suppress>().is_err());
    }
}

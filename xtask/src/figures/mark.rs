//! A mark: the HTML comment directly behind a number, which says what the number is.
//!
//! `<!-- chain:requests_per_second.noops -->` is a figure: the benchmark, and the path of its JSON. Behind it may stand `*N` or `/N`, by which it
//! is multiplied or divided first, and `.N`, how many decimals are shown; whole numbers unless said. Thousands get commas. `<!-- given -->` is a
//! number that nobody measured: a setting, a version, a bound.
//! Trade-off: a figure is one number of the JSON. What is made of two belongs into the benchmark's own report.

use super::stored::All;

/// What a number is.
#[derive(Debug, PartialEq)]
pub(super) enum Mark {
    Given,
    Figure(Figure),
}

/// One number of a benchmark, and how it is shown.
#[derive(Debug, PartialEq)]
pub(super) struct Figure {
    benchmark: String,
    path: String,
    factor: f64,
    decimals: usize,
}

impl Mark {
    /// Reads what stands between `<!--` and `-->`.
    pub(super) fn read(comment: &str) -> Result<Self, String> {
        let comment = comment.trim();
        let mut words = comment.split_whitespace();
        let first = words.next().unwrap_or_default();
        if first == "given" && words.next().is_none() {
            return Ok(Self::Given);
        }
        let no_mark = || format!("`{comment}` is no mark: BENCHMARK:PATH, *N or /N, .N; or given");
        let (benchmark, path) = first.split_once(':').ok_or_else(no_mark)?;
        let mut figure =
            Figure { benchmark: benchmark.to_owned(), path: path.to_owned(), factor: 1.0, decimals: 0 };
        for word in words {
            figure.option(word).ok_or_else(no_mark)?;
        }
        Ok(Self::Figure(figure))
    }
}

impl Figure {
    fn option(&mut self, word: &str) -> Option<()> {
        let number = || word.get(1..)?.parse::<u32>().ok().filter(|number| *number > 0);
        match word.chars().next()? {
            '*' => self.factor *= f64::from(number()?),
            '/' => self.factor /= f64::from(number()?),
            '.' => self.decimals = usize::try_from(number()?).ok().filter(|decimals| *decimals < 10)?,
            _ => return None,
        }
        Some(())
    }

    /// The number as it is shown.
    pub(super) fn text(&self, stored: &All) -> Result<String, String> {
        let Self { benchmark, path, factor, decimals } = self;
        let of = stored.get(benchmark);
        let of =
            of.ok_or_else(|| format!("{benchmark}:{path}: there is no docs/figures/{benchmark}.json"))?;
        let number = of.figure(path).filter(|number| number.is_finite());
        let number = number.ok_or_else(|| format!("docs/figures/{benchmark}.json has no number {path}"))?;
        Ok(with_commas(&format!("{:.decimals$}", number * factor)))
    }
}

/// `1234567.89` as `1,234,567.89`; less than nothing that rounds to nothing is nothing.
fn with_commas(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let sign = if rest.contains(|digit: char| ('1'..='9').contains(&digit)) { sign } else { "" };
    let whole = rest.split('.').next().unwrap_or_default();
    let mut text = sign.to_owned();
    for (index, letter) in rest.char_indices() {
        if index > 0 && index < whole.len() && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::stored::example;

    fn shown(comment: &str) -> Result<String, String> {
        let json =
            r#"{"ratio": 0.7304, "rate": 31577.4, "of": {"bytes": 540000, "none": null, "below": -0.001}}"#;
        match Mark::read(comment)? {
            Mark::Given => Ok("given".to_owned()),
            Mark::Figure(figure) => figure.text(&example("chain", json)),
        }
    }

    #[test]
    fn a_figure_is_shown_by_its_path_its_factor_and_its_decimals() {
        let shows = [
            (" chain:ratio .2 ", "0.73"),
            ("chain:ratio *100", "73"),
            ("chain:ratio .1 *100", "73.0"),
            ("chain:rate", "31,577"),
            ("chain:of.bytes /1000000 .2", "0.54"),
            ("chain:of.bytes", "540,000"),
            ("chain:of.bytes *10", "5,400,000"),
            ("chain:of.below .1", "0.0"),
            ("given", "given"),
        ];
        for (comment, text) in shows {
            assert_eq!(shown(comment).as_deref(), Ok(text), "{comment}");
        }
    }

    #[test]
    fn what_is_no_mark_or_leads_nowhere_is_said() {
        for comment in
            ["", "given 3", "TODO", "chain:ratio x", "chain:ratio .", "chain:ratio /0", "chain:ratio .99"]
        {
            assert!(shown(comment).unwrap_err().contains("is no mark"), "{comment}");
        }
        assert!(shown("scale:x").unwrap_err().contains("there is no docs/figures/scale.json"));
        for comment in ["chain:x", "chain:of", "chain:of.none", "chain:"] {
            assert!(shown(comment).unwrap_err().contains("has no number"), "{comment}");
        }
    }
}

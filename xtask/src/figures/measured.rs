//! The table of when, where and on what each benchmark ran, between `<!-- measured -->` and `<!-- /measured -->` in docs/benchmarks.md.
//!
//! Invariant: nothing in it is written by hand.

use super::stored::All;

pub(super) const BEGIN: &str = "<!-- measured -->";
pub(super) const END: &str = "<!-- /measured -->";

/// The page with its table as it must be; the same page if it has none.
pub(super) fn renewed(text: &str, stored: &All) -> String {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match parts {
        Some((before, after)) => format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(stored)),
        None => text.to_owned(),
    }
}

fn table(stored: &All) -> String {
    let head =
        "| benchmark | date | commit | Envoy | machine |\n| --- | --- | --- | --- | --- |\n".to_owned();
    stored.iter().fold(head, |table, (name, one)| {
        let machine = one.machine.replace('|', "/");
        format!("{table}| {name} | {} | {} | {} | {machine} |\n", one.date, one.commit, one.envoy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::stored::example;

    #[test]
    fn a_page_with_a_place_for_it_has_the_table_and_another_none() {
        let stored = example("core", r#"{"c": 1}"#);
        let page = format!("a\n\n{BEGIN}\nold\n{END}\n\nb\n");
        let new = renewed(&page, &stored);
        let row = "| core | 2026-11-29 | abc1234+ | 1.40.0 | two cores |\n";
        assert!(new.starts_with(&format!("a\n\n{BEGIN}\n\n| benchmark |")), "{new}");
        assert!(new.ends_with(&format!("{row}\n{END}\n\nb\n")), "{new}");
        assert_eq!(renewed(&new, &stored), new);
        assert_eq!(renewed("a\n", &stored), "a\n");
    }
}

//! Texts as they stand in a path and in a pattern.

use core::fmt::Write as _;

/// A text as a part of a path or query: all but what RFC 3986 (section 2.3) calls unreserved is encoded.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A pattern of RE2 that exactly these texts match, as RE2's `QuoteMeta` quotes.
pub(super) fn pattern<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut pattern = "^(".to_owned();
    for (position, text) in texts.enumerate() {
        pattern.push_str(if position == 0 { "" } else { "|" });
        for letter in text.chars() {
            if letter.is_ascii() && !letter.is_ascii_alphanumeric() && letter != '_' {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
    }
    pattern + ")$"
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_pattern_matches_the_names_and_nothing_like_them() {
        let pattern = pattern(["outbound|80|v1.x|web.svc", "a_b-1"].into_iter());
        assert_eq!(pattern, r"^(outbound\|80\|v1\.x\|web\.svc|a_b\-1)$");
        let compiled = regex_lite::Regex::new(&pattern).expect("a pattern");
        assert!(compiled.is_match("outbound|80|v1.x|web.svc") && compiled.is_match("a_b-1"));
        for other in ["outbound", "outbound|80|v1yx|web.svc", "a_b-12", "xa_b-1", ""] {
            assert!(!compiled.is_match(other), "{other}");
        }
    }

    #[test]
    fn a_path_holds_nothing_that_means_something_there() {
        assert_eq!(percent_encoded("a-b_c.d~e/f?g&h=ü"), "a-b_c.d~e%2Ff%3Fg%26h%3D%C3%BC");
    }
}

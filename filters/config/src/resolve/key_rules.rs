//! Which of a request's headers, cookies and parameters tell it from others, for whatever they may share.
//!
//! Invariant: what would be left out to no effect, or must not be, is refused; nobody leaves out who asks by a pattern.
//! Trade-off: a star stands at the end of a name alone.
//! Source: RFC 6265, section 4.1.1 (names of cookies); what is neutral is the core's to know.

use super::check_header_name;
use super::key_header::{self, Sharing};
use crate::error::{Errors, Fault, Path, cut};
use crate::raw::key::{AcceptLanguage, Names, Said};
use switchyard_core::request_key::{Invariable, KeyRules, Languages, Pattern};

/// The attribute that names a client's certificate.
const CERTIFICATE: &str = "connection.sha256_peer_certificate_digest";
/// What attributes of Envoy's filters begin with.
const METADATA: [&str; 2] = ["metadata.", "typed_metadata."];

/// The rules of a key, whose place is `at`.
pub(super) fn resolve(said: Said<'_>, sharing: Sharing, at: &Path<'_>, errors: &mut Errors) -> KeyRules {
    key_header::check_all(|| placed(said.headers), sharing, &at.field("headers"), errors);
    let lists = [
        ("ignore_headers", said.ignore_headers, header as Check),
        ("ignore_cookies", said.ignore_cookies, cookie),
        ("ignore_query", said.ignore_query, parameter),
        ("ignore_attributes", said.ignore_attributes, attribute),
    ];
    for (field, list, check) in lists {
        check_list(list, said.headers, check, &at.field(field), errors);
    }
    let patterns = |list: &Names| placed(list).map(|(_, name)| Pattern::new(name)).collect();
    KeyRules {
        headers: placed(said.headers).map(|(_, name)| name.into()).collect(),
        ignore_headers: patterns(said.ignore_headers),
        ignore_cookies: patterns(said.ignore_cookies),
        ignore_query: patterns(said.ignore_query),
        query_in_any_order: said.query_in_any_order,
        languages: match said.accept_language {
            Some(AcceptLanguage::First) => Languages::First,
            Some(AcceptLanguage::Whole) | None => Languages::Whole,
        },
        ignore_attributes: patterns(said.ignore_attributes),
    }
}

pub(super) fn placed(list: &Names) -> impl Iterator<Item = (usize, &str)> {
    list.iter().enumerate().filter_map(|(index, name)| Some((index, name.as_deref()?)))
}

/// What is wrong with a name, if anything is, or with the name before its star.
type Check = fn(&str, bool, &Names, &Path<'_>, &mut Errors);

fn check_list(list: &Names, headers: &Names, check: Check, at: &Path<'_>, errors: &mut Errors) {
    super::refuse_duplicates(placed(list), |index, name, first| {
        let problem = format!("{:?} is entry {first} already; remove one of them", cut(name));
        errors.add_as(Fault::Duplicate, &at.index(index), problem);
    });
    for (index, name) in placed(list) {
        let at = at.index(index);
        let (before, is_open) = name.strip_suffix('*').map_or((name, false), |before| (before, true));
        if name.is_empty() {
            errors.add(&at, "is empty; write a name or remove it");
        } else if before.contains('*') {
            let problem = format!(
                "{:?} has a star before its end; write whole names, or a beginning and a star",
                cut(name)
            );
            errors.add(&at, problem);
        } else {
            check(before, is_open, headers, &at, errors);
        }
    }
}

fn header(name: &str, is_open: bool, headers: &Names, at: &Path<'_>, errors: &mut Errors) {
    if is_open {
        if !name.is_empty() {
            check_header_name(name, at, errors);
        }
        return;
    }
    let shown = cut(name);
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        errors.add(at, format!("{shown:?} is what is asked for and stays in the key; remove it"));
    } else if let Some((index, _)) = placed(headers).find(|(_, header)| *header == name) {
        errors.add(at, format!("{shown:?} is headers[{index}], too; remove one of them"));
    } else {
        match KeyRules::may_ignore(&name.to_ascii_lowercase()) {
            Ok(()) => check_header_name(name, at, errors),
            Err(Invariable::Neutral) => {
                errors.add(
                    at,
                    format!("{shown:?} is known to change no answer, and left out already; remove it"),
                );
            }
            Err(Invariable::Condition) => {
                errors.add(at, format!("{shown:?} says what the answer is an answer to; remove it"));
            }
            Err(Invariable::Credentials) => {
                let problem = format!(
                    "{shown:?} says who asks; remove it, and name harmless cookies in ignore_cookies, or say in the words of the \
                     section that who asks does not matter"
                );
                errors.add(at, problem);
            }
        }
    }
}

fn cookie(name: &str, is_open: bool, _: &Names, at: &Path<'_>, errors: &mut Errors) {
    if is_open && name.is_empty() {
        let problem =
            "\"*\" would take a session for nothing; name the cookies that answers do not depend on";
        errors.add(at, problem);
    } else if name.contains(['=', ';', ',', '"', ' ']) {
        errors.add_as(
            Fault::WrongType,
            at,
            format!("{:?} is not a cookie's name; write what stands before the =", cut(name)),
        );
    }
}

fn parameter(name: &str, _: bool, _: &Names, at: &Path<'_>, errors: &mut Errors) {
    if name.contains(['=', '&', '#', '?', ';', ' ']) {
        errors.add_as(
            Fault::WrongType,
            at,
            format!("{:?} is not a parameter's name; write what stands before the =", cut(name)),
        );
    }
}

fn attribute(name: &str, is_open: bool, _: &Names, at: &Path<'_>, errors: &mut Errors) {
    let of_filter = |beginning: &&str| {
        let filter = name.strip_prefix(*beginning);
        filter.is_some_and(|filter| is_open || !filter.is_empty()) || is_open && beginning.starts_with(name)
    };
    let known =
        name == CERTIFICATE || METADATA.iter().any(of_filter) || is_open && CERTIFICATE.starts_with(name);
    if !known {
        let problem = format!(
            "{:?} is nothing that is in a key; write {:?} and a filter's name, or {CERTIFICATE:?}",
            cut(name),
            "metadata."
        );
        errors.add(at, problem);
    }
}

//! Each genre: a source, and what it is with its mutants woven in; and what is refused.

use super::listed::{Genre, example};
use super::marks::{Mark, marks};
use super::places::{Places, Refused};
use super::weave::{File, Form};

/// A source with mutants by genre, what they change, and to what; without the comments.
fn woven(text: &str, mutants: &[(Genre, &str, &str)], form: Form) -> String {
    let places = Places::of(text).unwrap();
    let mut file = File::new(text.to_owned());
    for (number, (genre, at, replacement)) in mutants.iter().enumerate() {
        let mutant = example(*genre, at, text, replacement);
        file.add(number, &mutant, places.at(*genre, mutant.span.start).unwrap());
    }
    file.sort();
    file.sites.iter_mut().for_each(|site| site.form = form);
    let woven = file.woven();
    syn::parse_file(&woven).unwrap_or_else(|error| panic!("{error}: {woven}"));
    let mut plain = woven;
    while let Some((before, rest)) = plain.split_once("/*") {
        plain = format!("{before}{}", rest.split_once("*/").unwrap().1);
    }
    plain.replace("crate::mutants_is", "is").replace("mutants_", "")
}

fn refused(text: &str, genre: Genre, at: &str) -> Option<Refused> {
    let mutant = example(genre, at, text, "");
    Places::of(text).unwrap().at(genre, mutant.span.start).unwrap().refused
}

#[test]
fn a_function_gives_a_value_at_once() {
    let mutants = [(Genre::FnValue, "b", "0"), (Genre::FnValue, "b", "1")];
    assert_eq!(
        woven("fn a() -> u8 { b() }", &mutants, Form::Once),
        "fn a() -> u8 { if is(0) { return 0; } if is(1) { return 1; } b() }"
    );
}

#[test]
fn a_function_that_gives_some_iterator_gives_either() {
    let text = "fn a() -> impl Iterator<Item = u8> { b() }";
    assert_eq!(
        woven(text, &[(Genre::FnValue, "b", "empty()")], Form::Once),
        "fn a() -> impl Iterator<Item = u8> { if is(0) { crate::MutantsEither::Mutated(empty()) } else \
         { crate::MutantsEither::Original({ b() }) } }"
    );
    let early = "fn a() -> impl Iterator<Item = u8> { if c { return d(); } b() }";
    assert!(woven(early, &[(Genre::FnValue, "if", "empty()")], Form::Once).contains("return empty();"));
}

#[test]
fn an_operator_is_another_and_each_operand_stands_once() {
    let of = |text, mutants: &[_]| woven(&format!("fn a() {{ {text}; }}"), mutants, Form::Once);
    let binary = |at, replacement| (Genre::BinaryOperator, at, replacement);
    assert_eq!(
        of("b.c < d", &[binary("<", "<="), binary("<", ">")]),
        "fn a() { (match (&(b.c), &(d)) { (l, r) => if is(0) { *l <= *r } else if is(1) { *l > *r } else { *l < *r } }); }"
    );
    assert_eq!(
        of("b + c * d", &[binary("+", "-"), binary("*", "/")]),
        "fn a() { (match (b, (match (c, d) { (l, r) => if is(1) { l / r } else { l * r } })) \
         { (l, r) => if is(0) { l - r } else { l + r } }); }"
    );
    assert_eq!(
        of("b += c", &[binary("+=", "-=")]),
        "fn a() { (match c { r => if is(0) { b -= r } else { b += r } }); }"
    );
    assert_eq!(
        of("!b", &[(Genre::UnaryOperator, "!", "")]),
        "fn a() { (match b { r => if is(0) { r } else { !r } }); }"
    );
}

#[test]
fn and_is_or_and_or_is_and_without_evaluating_more() {
    let of = |text, at, to| {
        woven(&format!("fn a() {{ {text}; }}"), &[(Genre::BinaryOperator, at, to)], Form::Once)
    };
    assert_eq!(of("b && c", "&&", "||"), "fn a() { (if (b) != is(0) { c } else { is(0) }); }");
    assert_eq!(of("b || c", "||", "&&"), "fn a() { (if (b) == is(0) { c } else { !is(0) }); }");
}

#[test]
fn the_other_form_writes_operands_twice_and_out_is_as_before() {
    let text = "fn a() { b + c * d; }";
    let mutants = [(Genre::BinaryOperator, "+", "-")];
    assert_eq!(
        woven(text, &mutants, Form::Twice),
        "fn a() { (if is(0) { (b) - (c * d) } else { (b) + (c * d) }); }"
    );
    assert_eq!(woven(text, &mutants, Form::Out), text);
}

#[test]
fn an_arm_is_off_by_a_guard_and_a_guard_is_always_or_never() {
    let text = "fn a() { match b { C => 1, D if e => 2, _ => 3 }; }";
    let mutants = [
        (Genre::MatchArm, "C", ""),
        (Genre::MatchArm, "D", ""),
        (Genre::MatchArmGuard, "e =>", "true"),
        (Genre::MatchArmGuard, "e =>", "false"),
    ];
    assert_eq!(
        woven(text, &mutants, Form::Once),
        "fn a() { match b { C if !is(0) => 1, D if (!is(1) && (!is(3) && (is(2) || (e)))) => 2, _ => 3 }; }"
    );
}

#[test]
fn a_field_is_as_in_the_base() {
    let text = "fn a() { S { f: 1, g: 2, ..h }; }";
    let mutants = [(Genre::StructField, "f:", ""), (Genre::StructField, "g:", "")];
    assert_eq!(
        woven(text, &mutants, Form::Once),
        "fn a() { (if is(0) { S { g: 2, ..h } } else if is(1) { S { f: 1, ..h } } else { S { f: 1, g: 2, ..h } }); }"
    );
}

#[test]
fn what_the_compiler_computes_or_does_not_see_is_refused() {
    let binary = Genre::BinaryOperator;
    assert_eq!(refused("const A: u8 = 1 + 2;", binary, "+"), Some(Refused::Constant));
    assert_eq!(refused("const fn a() -> u8 { 1 + 2 }", binary, "+"), Some(Refused::Constant));
    assert_eq!(refused("fn a() { if let B = c && d {} }", binary, "&&"), Some(Refused::LetChain));
    assert_eq!(
        refused("#[cfg(feature = \"fuzzing\")] fn a() { b + c; }", binary, "+"),
        Some(Refused::Elsewhere)
    );
    assert_eq!(
        refused("#[cfg(target_arch = \"wasm32\")] mod m { fn a() { b + c; } }", binary, "+"),
        Some(Refused::Elsewhere)
    );
    assert_eq!(refused("#[cfg(not(target_arch = \"wasm32\"))] fn a() { b + c; }", binary, "+"), None);
    assert_eq!(refused("fn a() { if b == c && let D = e {} }", binary, "=="), None);
}

#[test]
fn comments_lead_from_an_error_to_a_place_and_a_mutant() {
    let text = "/*{s4*/(if is(7) { /*{m7*/b - c/*}*/ } else { b + c })/*}*/ /* other */";
    let marks = marks(text);
    let [(place, Mark::Site(4)), (own, Mark::Mutant(7))] = &*marks else { panic!("{marks:?}") };
    assert!(text[own.clone()].ends_with("b - c") && place.start < own.start && own.end < place.end);
}

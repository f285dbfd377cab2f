//! How long followers wait beside how long leaders take, in the section `coalesce`.

use switchyard_config::Document;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The document with this section, or what is wrong with it.
fn document(section: &str) -> Result<Document, Vec<String>> {
    let upstreams = r#"[{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]}]"#;
    let route = format!(r#"{{"match": {{}}, "upstream": "a", "coalesce": {section}}}"#);
    let document = format!(r#"{{"upstreams": {upstreams}, "routes": [{route}]}}"#);
    let refused = |errors: switchyard_config::ConfigErrors| errors.iter().map(ToString::to_string).collect();
    Document::from_json(document.as_bytes()).map_err(refused)
}

#[test]
fn of_waits_and_leaders_ages_what_is_not_written_gives_way() {
    let read = |section: &str| {
        let document = document(section).expect("in range");
        let settings = document.routes()[0].coalesce().expect("the section").clone();
        (settings.max_wait.as_millis(), settings.max_leader_age.as_millis())
    };
    assert_eq!(read(r#"{"max_wait": "3s"}"#), (3_000, 3_000));
    assert_eq!(read(r#"{"max_wait": "10ms"}"#), (10, 100), "no leader is that quick");
    assert_eq!(read(r#"{"max_wait": "7s"}"#), (7_000, 5_000));
    assert_eq!(read(r#"{"max_leader_age": "1h"}"#), (3_600_000, 3_600_000));
    assert_eq!(read(r#"{"max_leader_age": "2s"}"#), (10_000, 2_000));
    assert_eq!(read(r#"{"max_wait": "2s", "max_leader_age": "2s"}"#), (2_000, 2_000));
}

#[test]
fn a_wait_that_is_shorter_than_a_leaders_age_is_refused_in_these_words() {
    let errors = |section: &str| document(section).expect_err("refused");
    assert_eq!(
        errors(r#"{"max_wait": "3s", "max_leader_age": "5s"}"#),
        [
            "routes[0].coalesce.max_wait: is less than max_leader_age, so nobody would lead in the place of a leader that \
          takes too long before all ask for themselves; raise it or lower that"
        ]
    );
    let short = r#"routes[0].coalesce.max_wait: is shorter than 10ms; write "10ms" or more"#;
    assert_eq!(
        errors(r#"{"max_wait": "9ms", "max_leader_age": "5s"}"#),
        [short],
        "what is out of range is no measure"
    );
}

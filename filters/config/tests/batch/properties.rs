//! Whatever is written: it arrives, or is refused by its own name.

use super::{UPSTREAMS, batch};
use core::time::Duration;
use proptest::prelude::*;
use serde_json::{Value, json};
use switchyard_config::Document;
use switchyard_core::batch::{Protocol, Settings};

/// What a section on a route that matches so means, or the paths of what is wrong with it.
fn outcome_where(matches: &Value, section: &Value) -> Result<Settings, Vec<String>> {
    let route = format!(r#"{{"match": {matches}, "upstream": "a", "batch": {section}}}"#);
    let document = format!(r#"{{"upstreams": {UPSTREAMS}, "routes": [{route}]}}"#);
    match Document::from_json(document.as_bytes()) {
        Ok(document) => batch(Some(document)).map(|batch| batch.settings().clone()).ok_or_else(Vec::new),
        Err(errors) => Err(errors.iter().map(|error| error.path.clone()).collect()),
    }
}

/// What JSON-RPC with these fields beside it means.
fn outcome(fields: &Value) -> Result<Settings, Vec<String>> {
    let mut section = json!({"protocol": {"json_rpc": {}}});
    if let (Value::Object(section), Value::Object(fields)) = (&mut section, fields) {
        section.extend(fields.clone());
    }
    outcome_where(&json!({}), &section)
}

/// The path of a field of the section.
fn at(field: &str) -> String {
    format!("routes[0].batch.{field}")
}

proptest! {
    #[test]
    fn a_count_arrives_if_it_is_in_range_and_is_refused_by_its_own_name_if_not(
        field in 0_usize..4,
        count in prop_oneof![
            0_u64..12, 995_u64..1_005, 9_995_u64..10_005, 999_990_u64..1_000_010, 999_999_990_u64..1_000_000_010
        ]
    ) {
        let fields = ["max_items", "max_in_flight", "max_requests", "max_weight"];
        let most = [10_000, 1_000, 1_000_000, 1_000_000_000];
        let outcome = outcome(&json!({fields[field]: count}));
        if (1..=most[field]).contains(&count) {
            let read = outcome.expect("in range");
            let read =
                [read.max_items.into(), read.max_in_flight.into(), read.max_requests.into(), read.max_weight];
            prop_assert_eq!(read[field], count);
        } else {
            prop_assert_eq!(outcome.expect_err("out of range"), [at(fields[field])]);
        }
    }

    #[test]
    fn a_wait_arrives_if_it_leaves_time_and_is_refused_by_its_own_name_if_not(
        us in prop_oneof![0_u64..2_000, 9_999_000_u64..10_001_000], timeout_ms in prop_oneof![Just(0_u64), 11_u64..20_000]
    ) {
        let outcome = outcome(&json!({"max_delay": format!("{us}us"), "timeout": format!("{timeout_ms}ms")}));
        let is_in_time = timeout_ms == 0 || us < timeout_ms * 1000;
        if (1_000..=10_000_000).contains(&us) && is_in_time {
            prop_assert_eq!(outcome.expect("in range").max_delay, Duration::from_micros(us));
        } else {
            prop_assert_eq!(outcome.expect_err("out of range"), [at("max_delay")]);
        }
    }

    #[test]
    fn nothing_is_held_that_would_not_fit(body in 0_u64..3_000, bytes in 0_u64..3_000, held in 0_u64..3_000) {
        let fields = json!({"max_body": body, "max_bytes": bytes, "max_bytes_held": held});
        if let Ok(settings) = outcome(&fields) {
            let read = [settings.max_body, settings.max_bytes, settings.max_bytes_held];
            prop_assert_eq!(read, [body, bytes, held]);
            prop_assert!(0 < body && body <= bytes && bytes <= held);
        } else {
            prop_assert!(body == 0 || bytes < body || held < bytes);
        }
    }

    #[test]
    fn a_pointer_arrives_if_it_is_one_and_is_refused_by_its_own_name_if_not(pointer in "[/~01a]{0,8}") {
        let section =
            json!({"protocol": {"id_list": {"path": "/items", "parameter": "ids", "id": pointer}}});
        let is_pointer = regex_lite::Regex::new("^(/([^~/]|~[01])*)*$").expect("a pattern").is_match(&pointer);
        match outcome_where(&json!({}), &section) {
            Ok(settings) => {
                let Protocol::IdList(list) = settings.protocol else { panic!("id_list") };
                prop_assert_eq!(&*list.id_pointer, pointer);
                prop_assert!(is_pointer);
            }
            Err(paths) => {
                prop_assert!(!is_pointer);
                prop_assert_eq!(paths, [at("protocol.id_list.id")]);
            }
        }
    }

    #[test]
    fn a_route_is_refused_if_and_only_if_no_list_of_ids_comes_by_it(
        path in "(/[ab]{1,2}){1,2}", matched in "/([ab]{1,2}/?){0,3}", exact in any::<bool>(), single in any::<bool>()
    ) {
        let rule = if exact { "path" } else { "path_prefix" };
        let matches = json!({rule: matched});
        let list = json!({"path": path, "parameter": "ids", "single": single});
        let protocol = outcome_where(&json!({}), &json!({"protocol": {"id_list": list}})).expect("any path").protocol;
        // A request's path that may be a list's or an object's, and that begins like what the route asks for.
        let below = matched.strip_prefix(&format!("{path}/")).unwrap_or_default();
        let paths = [path.clone(), format!("{path}/{below}"), format!("{path}/{below}a")];
        let below_it = format!("{}/", matched.trim_end_matches('/'));
        let comes = |path: &str| path == matched || (!exact && path.starts_with(&below_it));
        let reads = |path: &str, query: &str| protocol.read(b"GET", format!("{path}{query}").as_bytes(), b"").is_ok();
        let lists = paths.iter().any(|path| comes(path) && reads(path, "?ids=1"));
        let singles = paths.iter().any(|path| comes(path) && reads(path, ""));
        match outcome_where(&matches, &json!({"protocol": {"id_list": list}})) {
            Ok(_) => prop_assert!(singles || (lists && !single)),
            Err(refused) if refused == [at("protocol.id_list.path")] => prop_assert!(!lists && !singles),
            Err(refused) => {
                prop_assert_eq!(refused, [at("protocol.id_list.single")]);
                prop_assert!(single && lists && !singles);
            }
        }
    }

    #[test]
    fn principals_are_mixed_only_by_the_word_whatever_else_is_written(
        headers in prop::sample::subsequence(vec!["authorization", "x-tenant"], 0..2),
        principal in prop::option::of(prop::sample::subsequence(vec!["cookie", "x-user"], 0..2)),
        word in prop::option::of(any::<bool>())
    ) {
        let mut fields = json!({"key": {"headers": headers}});
        if let Some(principal) = &principal {
            fields["key"]["principal"] = json!(principal);
        }
        if let Some(word) = word {
            fields["i_know_that_batches_mix_principals"] = word.into();
        }
        match outcome(&fields) {
            Ok(settings) => {
                prop_assert_eq!(settings.key.mixes_principals, word == Some(true));
                let read: Vec<&str> = settings.key.principal.iter().map(|name| &**name).collect();
                prop_assert_eq!(read, principal.unwrap_or_default());
            }
            Err(paths) => {
                prop_assert_eq!(paths, [at("key.principal")]);
                prop_assert!(word == Some(true) || principal == Some(Vec::new()));
            }
        }
    }
}

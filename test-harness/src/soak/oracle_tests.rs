//! What the oracle lets pass and what not.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

fn ask(kind: Kind, path: &str, body: &str) -> Ask {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let (who, path) = ("Bearer user-1".to_owned(), path.to_owned());
    Ask { id: 9, kind, who, method: hyper::Method::POST, path, body }
}

fn answer(status: u16, body: &Value) -> Seen {
    Seen::Answer(Answer { status, body: body.to_string().into_bytes(), ..Answer::default() })
}

fn truth(ask: &Ask, by: u64, at: u64) -> Value {
    truth::reply(&Heard { by, ..wanted(ask) }, at).body
}

fn stormy() -> Climate {
    let mut climate = Climate { ails: Some("stopped"), drains: true, ..Climate::default() };
    climate.add(Fault::ALL);
    climate
}

fn is_wrong(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Wrong(_) | Verdict::Unexplained(_))
}

#[test]
fn the_right_answer_is_right_in_any_weather() {
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "get_it", "params": ["item-9"] }).to_string();
    for (kind, path, body) in [
        (Kind::Plain, "/plain/9", "body"),
        (Kind::Crowd, "/crowd/1", ""),
        (Kind::Rpc, "/rpc", &*call),
        (Kind::Items, "/items?ids=1,2", ""),
        (Kind::Embed, "/v1/embeddings", r#"{"model":"m","input":"item-9"}"#),
    ] {
        let ask = ask(kind, path, body);
        for climate in [Climate::default(), stormy()] {
            assert_eq!(
                judge(&ask, 5, &answer(200, &truth(&ask, 9, 5)), &climate),
                Verdict::Right,
                "{kind:?}"
            );
        }
    }
}

#[test]
fn anothers_answer_is_wrong_in_any_weather() {
    let (crowd, private) = (ask(Kind::Crowd, "/crowd/1", ""), ask(Kind::Private, "/crowd/private/1", ""));
    let of_another = |ask: &Ask| {
        let other = Ask { who: "Bearer user-2".to_owned(), ..ask.clone() };
        answer(200, &truth(&other, 9, 5))
    };
    for climate in [Climate::default(), stormy()] {
        let judged = |ask: &Ask, seen: &Seen| judge(ask, 5, seen, &climate);
        assert_eq!(judged(&crowd, &answer(200, &truth(&crowd, 8, 5))), Verdict::Right, "shared");
        assert!(is_wrong(&judged(&private, &answer(200, &truth(&private, 8, 5)))), "not to be shared");
        assert!(is_wrong(&judged(&crowd, &of_another(&crowd))), "another principal's");
        let other_key = ask(Kind::Crowd, "/crowd/2", "");
        assert!(is_wrong(&judged(&crowd, &answer(200, &truth(&other_key, 9, 5)))), "another key's");
        let old = judge(&crowd, 5 + YOUNG_MS + 1, &answer(200, &truth(&crowd, 8, 5)), &climate);
        assert!(is_wrong(&old), "from before its time");
        let begun = truth(&Ask { who: "Bearer user-2".to_owned(), ..crowd.clone() }, 1, 5).to_string();
        let part = Answer { status: 200, body: begun.into_bytes(), ..Answer::default() };
        let fair = Climate { lies: false, ..climate.clone() };
        assert!(is_wrong(&judge(&crowd, 5, &Seen::Left(Some(part)), &fair)), "it has left, and seen it");
    }
}

#[test]
fn anothers_item_is_wrong_in_any_weather() {
    let call =
        |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "get_it", "params": [format!("item-{id}")] });
    let mine = ask(Kind::Rpc, "/rpc", &call(9).to_string());
    let other = ask(Kind::Rpc, "/rpc", &call(8).to_string());
    let mut mixed = truth(&other, 9, 0);
    for climate in [Climate::default(), stormy()] {
        assert!(is_wrong(&judge(&mine, 0, &answer(200, &mixed), &climate)));
    }
    mixed["id"] = json!(9);
    assert!(is_wrong(&judge(&mine, 0, &answer(200, &mixed), &stormy())), "its id, and another's result");
    let items = ask(Kind::Items, "/items?ids=1,2", "");
    let swapped = json!([truth::object("2", &items.who), truth::object("1", &items.who)]);
    assert!(
        is_wrong(&judge(&items, 0, &answer(200, &swapped), &Climate::default())),
        "in the order of the ids"
    );
}

#[test]
fn what_is_cut_is_never_taken_for_the_whole() {
    let ask = ask(Kind::Plain, "/plain/9", "");
    let mut text = truth(&ask, 9, 5).to_string().into_bytes();
    text.truncate(text.len() / 2);
    let cut = Answer { status: 200, body: text, ..Answer::default() };
    assert!(is_wrong(&judge(&ask, 5, &Seen::Answer(cut.clone()), &stormy())));
    let broken = Seen::Broken(Some(cut), "reset".to_owned());
    assert_eq!(judge(&ask, 5, &broken, &stormy()), Verdict::Excused("broken off"));
    assert!(is_wrong(&judge(&ask, 5, &broken, &Climate::default())));
    assert!(is_wrong(&judge(&ask, 5, &Seen::Hung, &stormy())), "nobody hangs");
}

#[test]
fn an_error_is_excused_by_the_weather_alone() {
    let ask = ask(Kind::Filter, "/filter/9", "");
    let failed = answer(503, &json!({}));
    assert_eq!(judge(&ask, 0, &failed, &stormy()), Verdict::Excused("failed"));
    assert!(is_wrong(&judge(&ask, 0, &failed, &Climate::default())));
    let mut harmless = Climate::default();
    harmless.add([Fault::Slow, Fault::Trailed]);
    assert_eq!(harmless, Climate::default());
    assert!(is_wrong(&judge(&ask, 0, &answer(431, &json!({})), &stormy())), "no fault makes such a status");
    let told = Answer { status: 200, body: LIE.as_bytes().to_vec(), ..Answer::default() };
    assert_eq!(judge(&ask, 0, &Seen::Answer(told.clone()), &stormy()), Verdict::Excused("lied to"));
    assert!(is_wrong(&judge(&ask, 0, &Seen::Answer(told), &Climate::default())));
}

#[test]
fn a_grpc_call_that_says_it_is_fine_has_its_message() {
    let ask = ask(Kind::Grpc, "/soak.Echo/Say", "say 9");
    let said = |grpc, body: &[u8]| {
        Seen::Answer(Answer { status: 200, grpc, body: body.to_vec(), ..Answer::default() })
    };
    let right = truth(&ask, 9, 5).to_string();
    assert_eq!(judge(&ask, 5, &said(Some(0), right.as_bytes()), &Climate::default()), Verdict::Right);
    assert!(is_wrong(&judge(&ask, 5, &said(Some(0), b""), &stormy())), "OK without its message");
    assert_eq!(judge(&ask, 5, &said(Some(14), b""), &stormy()), Verdict::Excused("failed"));
    assert!(is_wrong(&judge(&ask, 5, &said(Some(14), b""), &Climate::default())));
    assert!(is_wrong(&judge(&ask, 5, &said(None, right.as_bytes()), &Climate::default())));
}

#[test]
fn what_must_not_be_made_twice_is_seen_once() {
    assert!(is_wrong(&judge_attempts(Kind::RpcOnce, 2)) && is_wrong(&judge_attempts(Kind::Filter, 4)));
    assert_eq!(
        (judge_attempts(Kind::Once, 1), judge_attempts(Kind::Items, 99)),
        (Verdict::Right, Verdict::Right)
    );
}

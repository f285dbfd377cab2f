//! Random clients and a server that computes each answer from its item.

use super::{part, protocol};
use crate::batch_shares::SplitAll as _;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use switchyard_core::batch::{Answer, Protocol, Sends, Share};

/// What the server says to a batch. Its answers tell the items apart.
fn serve(field: Option<&str>, answers: Option<&str>, body: &[u8]) -> Json {
    let document: Json = serde_json::from_slice(body).expect("JSON");
    let items = field.map_or(&document, |field| &document[field]);
    let said: Json = items.as_array().expect("an array").iter().map(|item| json!({"to": item})).collect();
    answers.map_or(said.clone(), |answers| json!({"with": document.get("beside"), answers: said}))
}

/// An item, raw.
fn item() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u16>().prop_map(|number| number.to_string()),
        r#""[a-c\]\[,{}: ]{0,6}""#,
        Just("[ ]".to_owned()),
        any::<u8>().prop_map(|number| format!(r#"{{"x": [{number} , "}}"]}}"#)),
    ]
}

#[derive(Clone, Debug)]
struct Setting {
    field: Option<&'static str>,
    answers: Option<&'static str>,
    sends: Sends,
}

impl Setting {
    fn protocol(&self) -> Protocol {
        protocol(self.field, self.answers, self.sends)
    }

    /// A client's request for these.
    fn body(&self, items: &[String]) -> String {
        let array = format!("[{}]", items.join(" , "));
        match (self.sends, self.field) {
            (Sends::Item, _) => items[0].clone(),
            (Sends::Items, None) => array,
            (Sends::Items, Some(field)) => format!(r#"{{"{field}":{array}, "beside" :[1.0]}}"#),
        }
    }

    /// What the server says to a client alone.
    fn alone(&self, body: &str) -> Json {
        match (self.sends, self.field) {
            (Sends::Items, _) => serve(self.field, self.answers, body.as_bytes()),
            (Sends::Item, _) => serve(None, None, format!("[{body}]").as_bytes())[0].clone(),
        }
    }
}

fn setting() -> impl Strategy<Value = Setting> {
    let field = || prop::option::of(prop::sample::select(vec!["a", "b c\"", "é"]));
    let sends = prop::sample::select(vec![Sends::Item, Sends::Items]);
    (field(), field(), sends).prop_map(|(field, answers, sends)| {
        // A quote in a name would have to be written with care.
        let field = if sends == Sends::Items { field.filter(|field| !field.contains('"')) } else { field };
        Setting { field, answers, sends }
    })
}

fn clients() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(item(), 1..4), 1..6)
}

fn is_right(share: &Share, expected: &Json) -> bool {
    share.status == 200 && serde_json::from_slice::<Json>(&share.body).ok().as_ref() == Some(expected)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_client_gets_what_the_server_says_to_it_alone(setting in setting(), clients in clients()) {
        let protocol = setting.protocol();
        let bodies: Vec<_> = clients.iter().map(|items| setting.body(items)).collect();
        let parts: Vec<_> = bodies.iter().map(|body| part(&protocol, body)).collect();
        prop_assert!(parts.windows(2).all(|pair| pair[0].group == pair[1].group));
        let answer = serve(setting.field, setting.answers, &protocol.join(&parts).body).to_string();
        let shares = protocol.split_all(&parts, Answer { status: 200, body: answer.as_bytes() }).expect("an answer");
        prop_assert_eq!(shares.len(), bodies.len());
        for (share, body) in shares.iter().zip(&bodies) {
            let said = String::from_utf8_lossy(&share.body);
            prop_assert!(is_right(share, &setting.alone(body)), "{} gets {}", body, said);
        }
    }

    #[test]
    fn an_answer_with_more_or_fewer_items_or_cut_off_is_never_split(
        setting in setting(),
        clients in clients(),
        place in any::<prop::sample::Index>(),
        kind in 0..3_u8,
    ) {
        let protocol = setting.protocol();
        let parts: Vec<_> = clients.iter().map(|items| part(&protocol, &setting.body(items))).collect();
        let mut answer = serve(setting.field, setting.answers, &protocol.join(&parts).body);
        let items = match setting.answers {
            Some(field) => &mut answer[field],
            None => &mut answer,
        };
        let items = items.as_array_mut().expect("an array");
        let at = place.index(items.len());
        match kind {
            0 => drop(items.remove(at)),
            1 => items.push(items[at].clone()),
            _ => {}
        }
        let mut text = answer.to_string().into_bytes();
        if kind == 2 {
            text.truncate(place.index(text.len()));
        }
        let split = protocol.split_all(&parts, Answer { status: 200, body: &text });
        prop_assert!(split.is_err());
    }

    #[test]
    fn no_request_and_no_answer_panics(
        setting in setting(),
        body in "[\\[\\]{},:\"0-9 ab]{0,12}|\\{\"a\":\\[1,?2?\\],\"(a|b)\":1\\}?",
        answer in "[\\[\\]{},:\"0-9 ab]{0,12}|\\{\"a\":\\[1,?2?\\],\"(a|b)\":1\\}?",
    ) {
        let protocol = setting.protocol();
        if let Ok(part) = protocol.read(b"POST", b"", body.as_bytes()) {
            prop_assert!(serde_json::from_slice::<Json>(&protocol.join(&[&part]).body).is_ok());
            let split = protocol.split_all(&[&part], Answer { status: 200, body: answer.as_bytes() });
            prop_assert!(split.is_err() || split.is_ok_and(|shares| shares.len() == 1));
        }
    }
}

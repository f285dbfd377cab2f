//! Random clients and a server that has every other object.

use super::{comma, read, repeated};
use crate::batch_shares::SplitAll as _;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use switchyard_core::batch::{Answer, IdForm, Protocol, Share};

/// A client's request: ids as texts, and whether it asks for the first alone.
#[derive(Clone, Debug)]
struct Asks {
    ids: Vec<String>,
    is_single: bool,
}

impl Asks {
    /// Its path, with letters encoded that need not be.
    fn path(&self, form: IdForm, encodes: bool) -> String {
        let encoded = |byte: u8| match byte {
            b'/' | b'=' | b'+' | b'&' => format!("%{byte:02x}"),
            _ if encodes => format!("%{byte:02X}"),
            _ => char::from(byte).to_string(),
        };
        let ids: Vec<_> = self.ids.iter().map(|id| id.bytes().map(encoded).collect::<String>()).collect();
        match (self.is_single, form) {
            (true, _) => format!("/items/{}?v=1", ids[0]),
            (false, IdForm::Comma) => format!("/items?ids={}&v=1", ids.join(",")),
            (false, IdForm::Repeated) => format!("/items?v=1&ids={}", ids.join("&ids=")),
        }
    }

    /// What the server says to it alone, which gives lists in their own order.
    fn alone(&self) -> Option<Json> {
        let mut objects = self.ids.iter().filter_map(|id| object(id));
        if self.is_single { object(&self.ids[0]) } else { Some(Json::from_iter(&mut objects)) }
    }
}

/// The object with this id, if there is one.
fn object(id: &str) -> Option<Json> {
    let bytes: u32 = id.bytes().map(u32::from).sum();
    let own = id.parse::<u32>().map_or(json!(id), |number| json!(number));
    bytes.is_multiple_of(2).then(|| json!({"id": own, "of": format!("[{id}]")}))
}

fn letter(text: &str) -> u8 {
    u8::from_str_radix(text, 16).expect("hex")
}

/// The ids in a path, as a server reads them.
fn ids(path: &str) -> Vec<String> {
    let query = path.split_once('?').expect("a query").1;
    let lists = query.split('&').filter_map(|parameter| parameter.strip_prefix("ids="));
    let decoded = |raw: &str| {
        let mut pieces = raw.split('%');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |text, piece| text + &char::from(letter(&piece[..2])).to_string() + &piece[2..])
    };
    lists.flat_map(|list| list.split(',')).map(decoded).collect()
}

fn asks() -> impl Strategy<Value = Asks> {
    let id = prop_oneof!["[1-9]", "[1-3][0-9]", "[ab&/=]{1,2}"];
    (prop::collection::btree_set(id, 1..4), any::<bool>())
        .prop_map(|(ids, is_single)| Asks { ids: ids.into_iter().rev().collect(), is_single })
        .prop_map(|asks| if asks.is_single { Asks { ids: asks.ids[..1].to_vec(), ..asks } } else { asks })
}

fn clients() -> impl Strategy<Value = Vec<(Asks, bool)>> {
    prop::collection::vec((asks(), any::<bool>()), 1..8)
}

fn protocol(form: IdForm) -> Protocol {
    if form == IdForm::Comma { comma() } else { repeated() }
}

fn form() -> impl Strategy<Value = IdForm> {
    prop::sample::select(vec![IdForm::Comma, IdForm::Repeated])
}

fn is_right(share: &Share, asks: &Asks) -> bool {
    match asks.alone() {
        None => share.status == 404,
        Some(expected) => {
            share.status == 200 && serde_json::from_slice::<Json>(&share.body).ok() == Some(expected)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_client_gets_what_the_server_says_to_it_alone(clients in clients(), form in form(), seed in any::<u64>()) {
        let protocol = protocol(form);
        let paths = clients.iter().map(|(asks, encodes)| asks.path(form, *encodes));
        let parts: Vec<_> = paths.map(|path| read(&protocol, &path).expect("ids")).collect();
        prop_assert!(parts.windows(2).all(|pair| pair[0].group == pair[1].group));
        let path = protocol.join(&parts).path.expect("a path");
        let asked = ids(&path);
        let wanted: BTreeSet<_> = clients.iter().flat_map(|(asks, _)| &asks.ids).collect();
        prop_assert_eq!(asked.len(), wanted.len(), "each once");
        prop_assert_eq!(asked.iter().collect::<BTreeSet<_>>(), wanted);
        let mut objects: Vec<_> = asked.iter().filter_map(|id| object(id)).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut objects);
        let text = Json::Array(objects).to_string();
        let shares = protocol.split_all(&parts, Answer { status: 200, body: text.as_bytes() }).expect("an answer");
        prop_assert_eq!(shares.len(), clients.len());
        for (share, (asks, _)) in shares.iter().zip(&clients) {
            prop_assert!(is_right(share, asks), "{:?} gets {}", asks, String::from_utf8_lossy(&share.body));
        }
    }

    #[test]
    fn whatever_goes_wrong_nobody_gets_anothers_object(
        clients in clients(),
        place in any::<prop::sample::Index>(),
        kind in 0..5_u8,
    ) {
        let paths = clients.iter().map(|(asks, encodes)| asks.path(IdForm::Comma, *encodes));
        let parts: Vec<_> = paths.map(|path| read(&comma(), &path).expect("ids")).collect();
        let path = comma().join(&parts).path.expect("a path");
        let mut objects: Vec<_> = ids(&path).iter().filter_map(|id| object(id)).collect();
        objects.push(json!({"id": "nobody's"}));
        let at = place.index(objects.len());
        match kind {
            0 => objects.push(objects[at].clone()),
            1 => objects[at]["id"] = json!(null),
            2 => objects[at] = json!([objects[at]]),
            // Nobody's object is still there.
            3 if objects.len() > 1 => drop(objects.remove(at % (objects.len() - 1))),
            _ => {}
        }
        let mut text = Json::Array(objects).to_string().into_bytes();
        if kind == 4 {
            text.truncate(place.index(text.len()));
        }
        let split = comma().split_all(&parts, Answer { status: 200, body: &text });
        prop_assert!(split.is_err());
    }

    #[test]
    fn an_object_that_is_left_out_is_missing_only_for_those_who_asked_for_it(
        clients in clients(),
        place in any::<prop::sample::Index>(),
    ) {
        let parts: Vec<_> =
            clients.iter().map(|(asks, _)| read(&comma(), &asks.path(IdForm::Comma, false)).expect("ids")).collect();
        let asked = ids(&comma().join(&parts).path.expect("a path"));
        let lost = &asked[place.index(asked.len())];
        let objects = asked.iter().filter(|id| *id != lost).filter_map(|id| object(id));
        let (text, its_own) = (Json::from_iter(objects).to_string(), format!("\"[{lost}]\""));
        let shares = comma().split_all(&parts, Answer { status: 200, body: text.as_bytes() }).expect("an answer");
        for (share, (asks, _)) in shares.iter().zip(&clients) {
            prop_assert!(is_right(share, asks) || asks.ids.contains(lost));
            prop_assert!(!String::from_utf8_lossy(&share.body).contains(&its_own));
        }
    }

    #[test]
    fn no_path_and_no_answer_panics(
        path in r"/items[/?a-c%2C,&=0-9#;.\[\]]{0,10}|/items\?(ids|i%64s|v)=[0-9,%2Cc]{0,6}&?(ids)?=?[0-9é]?",
        answer in r#"[\[\]{},:"0-9 .]{0,12}|\[\{"id":([0-3]|"1"|null)\},?(\{"id":[0-3]\})?\]?"#,
        form in form(),
    ) {
        let protocol = protocol(form);
        if let Ok(part) = read(&protocol, &path) {
            let joined = protocol.join(&[&part]).path.expect("a path");
            let again = read(&protocol, &joined).expect("a batch is a request");
            prop_assert_eq!((again.items(), &again.group, again.weight), (part.items(), &part.group, part.weight));
            let split = protocol.split_all(&[&part], Answer { status: 200, body: answer.as_bytes() });
            prop_assert!(split.is_err() || split.is_ok_and(|shares| shares.len() == 1));
        }
    }
}

//! Answers of the corpus that were changed on the way: nobody may get what is another's.

use super::case::Case;
use switchyard_core::batch::json::{ANSWER_DEPTH, Value};
use switchyard_core::batch::{Outcome, Protocol, Share};

/// Cases that go well, with what their clients get.
fn good() -> Vec<(Case, Vec<Share>)> {
    let all = Case::all().into_iter();
    all.filter_map(|case| case.shares(case.answer.as_bytes()).ok().map(|shares| (case, shares))).collect()
}

/// The array that an answer's items are in.
fn list<'a>(case: &'a Case) -> Value<'a> {
    let answer = Value::read(case.answer.as_bytes(), ANSWER_DEPTH).expect("JSON");
    let fields = answer.object().map(|object| object.fields).unwrap_or_default();
    let within = fields.into_iter().map(|field| field.value).find(|value| value.is_array());
    within.unwrap_or(answer)
}

/// The answer with these items in place of its own.
fn with_items(case: &Case, items: &[&str]) -> String {
    let answer = Value::read(case.answer.as_bytes(), ANSWER_DEPTH).expect("JSON");
    let (text, list) = (answer.text(), list(case));
    let from = list.at() - answer.at();
    [&text[..from], "[", &items.join(","), "]", &text[from + list.text().len()..]].concat()
}

/// Whether the protocol goes by places alone.
fn is_by_place(case: &Case) -> bool {
    matches!(case.protocol, Protocol::JsonArray(_))
}

#[test]
fn an_answer_that_is_cut_off_anywhere_is_broken() {
    for (case, _) in good() {
        for end in 0..case.answer.len() {
            let shares = case.shares(&case.answer.as_bytes()[..end]);
            assert!(shares.is_err(), "{}, after {end} bytes: {shares:?}", case.name);
        }
    }
}

#[test]
fn items_in_another_order_go_where_they_belong() {
    for (case, shares) in good().into_iter().filter(|(case, _)| !is_by_place(case)) {
        let mut items: Vec<_> =
            list(&case).items().expect("an array").iter().map(|item| item.text()).collect();
        for _ in 0..items.len() {
            items.rotate_left(1);
            assert_eq!(
                case.shares(with_items(&case, &items).as_bytes()),
                Ok(shares.clone()),
                "{}",
                case.name
            );
        }
        items.reverse();
        assert_eq!(case.shares(with_items(&case, &items).as_bytes()), Ok(shares), "{}", case.name);
    }
}

#[test]
fn an_item_that_is_there_twice_breaks_the_whole() {
    for (case, _) in good() {
        let items: Vec<_> = list(&case).items().expect("an array").iter().map(|item| item.text()).collect();
        for twice in &items {
            let more = [items.as_slice(), &[*twice]].concat();
            assert!(case.shares(with_items(&case, &more).as_bytes()).is_err(), "{}: {twice}", case.name);
        }
    }
}

#[test]
fn an_item_that_is_left_out_is_missing_for_its_own_clients_alone() {
    for (case, shares) in good() {
        let items: Vec<_> = list(&case).items().expect("an array").iter().map(|item| item.text()).collect();
        for missing in 0..items.len() {
            let mut fewer = items.clone();
            fewer.remove(missing);
            let Ok(found) = case.shares(with_items(&case, &fewer).as_bytes()) else { continue };
            let others = |share: &Share| {
                let inner = items[missing].trim_matches(['{', '}']);
                !String::from_utf8_lossy(&share.body).contains(inner)
            };
            assert!(
                !is_by_place(&case) && !matches!(case.protocol, Protocol::Embeddings(_)),
                "{}",
                case.name
            );
            assert!(found.iter().all(others), "{}: {}", case.name, items[missing]);
            let changed = found.iter().zip(&shares).filter(|(one, other)| one != other).count();
            let owners = match case.protocol {
                Protocol::IdList(_) => shares.iter().filter(|share| !others(share)).count(),
                _ => 1,
            };
            assert_eq!(changed, owners, "{}: {}", case.name, items[missing]);
        }
    }
}

#[test]
fn a_changed_byte_of_an_item_changes_no_other_clients_share() {
    // Where an answer is left out, another whose number was changed may take its place: the server said so.
    let is_whole = |shares: &[Share]| shares.iter().all(|share| share.outcome == Outcome::Answered);
    for (case, shares) in good().into_iter().filter(|(_, shares)| is_whole(shares)) {
        let list = list(&case);
        for item in list.items().expect("an array") {
            let shared = |share: &&Share| String::from_utf8_lossy(&share.body).contains(item.text());
            // Objects by id may be several clients'.
            let owners = shares.iter().filter(shared).count().max(1);
            for at in item.at()..item.at() + item.text().len() {
                for byte in *b"0129\"\\,:[]{} x" {
                    let mut answer = case.answer.clone().into_bytes();
                    answer[at] = byte;
                    let Ok(found) = case.shares(&answer) else { continue };
                    assert_eq!(found.len(), shares.len(), "{}", case.name);
                    let changed = found.iter().zip(&shares).filter(|(one, other)| one != other).count();
                    assert!(changed <= owners, "{}: {:?} at {at}: {found:?}", case.name, char::from(byte));
                }
            }
        }
    }
}

#[test]
fn the_answer_to_another_batch_never_panics_and_gives_everyone_a_share_or_nobody() {
    let all = Case::all();
    for case in &all {
        for other in &all {
            if let Ok(shares) = case.shares(other.answer.as_bytes()) {
                assert_eq!(shares.len(), case.parts().len(), "{} with {}", case.name, other.name);
            }
        }
    }
}

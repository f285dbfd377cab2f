//! Protocols of batches: requests are read, joined, answered by a server that knows nothing of clients, and split.
//!
//! Invariants: what is read is JSON to serde_json, too, and so is what is joined and what each client gets. From an honest server each client
//! gets what that server says to it alone; from one that leaves out, repeats, adds or breaks off, nobody gets anything of another's.
//! Trade-off: a server that gives one answer another's id is believed, as it must be; such lies are only looked at for their form.
//!
//! The bytes are lines: the requests of up to six clients, and in the last one what a server may say to them.

mod embeddings;
mod id_list;
mod json_array;
mod json_rpc;

pub use embeddings::embeddings;
pub use id_list::id_list;
pub use json_array::json_array;
pub use json_rpc::json_rpc;

use fastrand::Rng;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use switchyard_core::batch::{Answer, Joined, Outcome, Part, Protocol, Share, Shares};
use xxhash_rust::xxh64::xxh64;

/// The most clients of a batch.
const MOST: usize = 6;

/// A server, and how it is asked.
trait Server {
    /// How.
    fn protocol(&self) -> &Protocol;

    /// How a client asks for this line.
    fn read(&self, line: &[u8]) -> Option<Part> {
        self.protocol().read(b"POST", b"/", line).ok()
    }

    /// What it says to a batch; `None`: nothing.
    fn answers(&self, joined: &Joined) -> Option<Json>;

    /// What it says to this client by itself; `None`: nothing.
    fn alone(&self, line: &[u8]) -> Option<Json>;

    /// The list of items in what it says.
    fn items<'a>(&self, answer: &'a mut Json) -> Option<&'a mut Vec<Json>>;

    /// Whether items are told by their places, so that no other order may be tried.
    fn is_ordered(&self) -> bool {
        false
    }

    /// Whether an honest answer may be refused all the same.
    fn may_refuse(&self, _answer: &Json) -> bool {
        false
    }

    /// A client's share, less what is shared out.
    fn compared(&self, share: Json) -> Json {
        share
    }
}

/// One client.
struct Client<'a> {
    line: &'a [u8],
    part: Part,
}

/// What must be true of these lines and a server.
fn holds(server: &impl Server, bytes: &[u8]) {
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    let said = lines.pop().unwrap_or_default();
    let clients = clients(server, &lines);
    if clients.is_empty() {
        return;
    }
    let parts: Vec<_> = clients.iter().map(|client| &client.part).collect();
    let joined = server.protocol().join(&parts);
    let answer = server.answers(&joined);
    let mut rng = Rng::with_seed(xxh64(bytes, 0));
    is_told_honestly(server, &clients, &answer);
    if let Some(answer) = answer {
        (0..4).for_each(|_| survives(server, &clients, answer.clone(), &mut rng));
        let text = answer.to_string();
        let broken_off = &text.as_bytes()[..rng.usize(0..text.len())];
        assert!(split(server, &clients, 200, broken_off).is_none(), "it breaks off");
    }
    for status in [200, 401, 413, 500] {
        if let Some(shares) = split(server, &clients, status, said) {
            shares.into_iter().for_each(|share| _ = content(&share));
        }
        for client in &clients {
            let for_all = server.protocol().said_to_all(&client.part, Answer { status, body: said });
            for_all.iter().for_each(|share| _ = content(share));
            let failed = server.protocol().failure(&client.part, status, "it \"failed\"\n");
            assert!(content(&failed).is_some() && failed.status == status);
        }
    }
}

/// Those who may go together.
fn clients<'a>(server: &impl Server, lines: &[&'a [u8]]) -> Vec<Client<'a>> {
    let read = lines.iter().take(MOST).filter_map(|line| {
        let part = server.read(line)?;
        assert!(part.items() > 0 && part.weight > 0, "it asks for something");
        assert!(part.bytes() <= 40 * line.len() + 200, "{} of {}", part.bytes(), line.len());
        Some(Client { line, part })
    });
    let mut clients: Vec<_> = read.collect();
    let group = clients.first().map(|client| client.part.group.clone()).unwrap_or_default();
    clients.retain(|client| client.part.group == group);
    clients
}

/// Everybody's share of what a server says, if it can be shared out.
fn split(server: &impl Server, clients: &[Client<'_>], status: u16, said: &[u8]) -> Option<Vec<Share>> {
    let parts: Vec<_> = clients.iter().map(|client| &client.part).collect();
    let shares: Shares = server.protocol().split(&parts, Answer { status, body: said }).ok()?;
    assert_eq!(shares.len(), parts.len(), "a share for each");
    let made = (0..parts.len()).map(|place| {
        let share = shares.share(place, said).expect("memory");
        assert_eq!((share.body.len(), share.outcome), (shares.length(place), shares.outcome(place)));
        share
    });
    Some(made.collect())
}

/// What a share says; `None`: nothing.
fn content(share: &Share) -> Option<Json> {
    if share.body.is_empty() {
        assert_eq!(share.content_type, None);
        return None;
    }
    let parsed = serde_json::from_slice(&share.body);
    match parsed {
        Ok(json) => Some(json),
        // It stops at 128 levels.
        Err(error) if error.to_string().starts_with("recursion limit") => Some(Json::Null),
        Err(error) => panic!("{error}: {}", share.body.escape_ascii()),
    }
}

/// Each client gets what it would have got by itself.
fn is_told_honestly(server: &impl Server, clients: &[Client<'_>], answer: &Option<Json>) {
    let body = answer.as_ref().map_or_else(Vec::new, |answer| answer.to_string().into_bytes());
    let Some(shares) = split(server, clients, 200, &body) else {
        let may = answer.as_ref().is_some_and(|answer| server.may_refuse(answer));
        return assert!(may, "an honest answer is refused: {}", body.escape_ascii());
    };
    for (client, share) in clients.iter().zip(shares) {
        assert_eq!(share.outcome, Outcome::Answered);
        let (own, alone) = (content(&share), server.alone(client.line));
        let own = own.map(|own| server.compared(own));
        assert_eq!(own, alone.map(|alone| server.compared(alone)), "{}", client.line.escape_ascii());
    }
}

/// Whatever a server does to its answer, nobody gets another's.
fn survives(server: &impl Server, clients: &[Client<'_>], mut answer: Json, rng: &mut Rng) {
    let Some(items) = server.items(&mut answer) else { return };
    lie(items, server.is_ordered(), rng);
    let text = answer.to_string();
    let Some(shares) = split(server, clients, 200, text.as_bytes()) else { return };
    for (client, share) in clients.iter().zip(shares) {
        let own = server.alone(client.line).map(|alone| tags(&alone)).unwrap_or_default();
        let got = content(&share).map(|share| tags(&share)).unwrap_or_default();
        assert!(got.is_subset(&own), "{} got {got:?} of {text}", client.line.escape_ascii());
    }
}

/// An item is left out, is there twice, or is somebody's whom nobody knows; or all stand in another order.
fn lie(items: &mut Vec<Json>, is_ordered: bool, rng: &mut Rng) {
    let place = if items.is_empty() { 0 } else { rng.usize(0..items.len()) };
    let known = items.get(place).cloned();
    match rng.u8(0..if is_ordered { 4 } else { 6 }) {
        0 => drop((place < items.len()).then(|| items.remove(place))),
        1 => items.extend(known),
        2 => items.insert(place, serde_json::json!({"id": 999, "index": 999, "of": "nobody"})),
        3 => items.insert(place, Json::Null),
        4 => items.reverse(),
        _ => rng.shuffle(items),
    }
}

/// Whose each piece of an answer is.
fn tags(json: &Json) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    match json {
        Json::Array(items) => items.iter().for_each(|item| all.extend(tags(item))),
        Json::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Json::String(of) if name == "of" => drop(all.insert(of.clone())),
                    _ => all.extend(tags(value)),
                }
            }
        }
        _ => {}
    }
    all
}

/// A line that was read is JSON to anybody.
fn parsed(line: &[u8]) -> Json {
    serde_json::from_slice(line).expect("what is read is JSON")
}

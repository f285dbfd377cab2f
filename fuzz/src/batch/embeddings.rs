//! Embeddings, with a server that numbers its vectors. Source: OpenAI's reference, "create embeddings".

use super::{Server, clients, holds, parsed, split};
use serde_json::{Value as Json, json};
use switchyard_core::batch::{Embeddings, Joined, Protocol};

struct Numbering(Protocol);

/// Inputs. The bytes are lines.
pub fn embeddings(bytes: &[u8]) {
    for is_ordered in [false, true] {
        let server = Numbering(Protocol::Embeddings(Embeddings { is_ordered, ..Embeddings::default() }));
        holds(&server, bytes);
        adds_up(&server, bytes);
    }
}

/// What is used is shared out whole.
fn adds_up(server: &Numbering, bytes: &[u8]) {
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    let clients = clients(server, &lines);
    if clients.is_empty() {
        return;
    }
    let parts: Vec<_> = clients.iter().map(|client| &client.part).collect();
    let answer = server.answers(&server.0.join(&parts)).expect("an answer");
    let shares = split(server, &clients, 200, answer.to_string().as_bytes()).expect("an honest answer");
    let used = |json: &Json| json["usage"]["total_tokens"].as_u64().expect("a number");
    let sum: u64 = shares.iter().map(|share| used(&parsed(&share.body))).sum();
    assert_eq!(sum, used(&answer));
}

impl Numbering {
    fn says(&self, request: &Json) -> Json {
        let input = &request["input"];
        let is_one = input.is_string() || input[0].is_number();
        let inputs = if is_one { vec![input.clone()] } else { input.as_array().expect("inputs").clone() };
        let vector = |(index, input): (usize, &Json)| json!({"index": index, "of": input.to_string()});
        let data: Json = inputs.iter().enumerate().map(vector).collect();
        let used = inputs.iter().map(|input| input.to_string().len()).sum::<usize>();
        json!({"data": data, "model": request["model"], "usage": {"total_tokens": used}})
    }
}

impl Server for Numbering {
    fn protocol(&self) -> &Protocol {
        &self.0
    }

    fn answers(&self, joined: &Joined) -> Option<Json> {
        Some(self.says(&parsed(&joined.body)))
    }

    fn alone(&self, line: &[u8]) -> Option<Json> {
        Some(self.says(&parsed(line)))
    }

    fn items<'a>(&self, answer: &'a mut Json) -> Option<&'a mut Vec<Json>> {
        answer.get_mut("data")?.as_array_mut()
    }

    fn compared(&self, mut share: Json) -> Json {
        share.as_object_mut().expect("an object").remove("usage");
        share
    }
}

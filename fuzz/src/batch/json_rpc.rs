//! JSON-RPC 2.0, with a server that goes by the specification. Source: its sections 4 to 6.

use super::{Server, holds, parsed};
use serde_json::{Value as Json, json};
use switchyard_core::batch::{Joined, JsonRpc, Protocol};

struct Specified(Protocol);

/// Calls. The bytes are lines.
pub fn json_rpc(bytes: &[u8]) {
    let weigh = Some("/params/0".into());
    holds(&Specified(Protocol::JsonRpc(JsonRpc { repeatable: vec!["get*".into()], weigh })), bytes);
}

impl Specified {
    fn says(&self, request: &Json) -> Option<Json> {
        match request {
            Json::Array(calls) => {
                let said: Vec<_> = calls.iter().filter_map(result).collect();
                (!said.is_empty()).then(|| said.into())
            }
            call => result(call),
        }
    }
}

impl Server for Specified {
    fn protocol(&self) -> &Protocol {
        &self.0
    }

    fn answers(&self, joined: &Joined) -> Option<Json> {
        assert_eq!(joined.path, None);
        self.says(&parsed(&joined.body))
    }

    fn alone(&self, line: &[u8]) -> Option<Json> {
        self.says(&parsed(line))
    }

    fn items<'a>(&self, answer: &'a mut Json) -> Option<&'a mut Vec<Json>> {
        answer.as_array_mut()
    }

    /// Who gets nothing for its call is told so by the filter.
    fn compared(&self, share: Json) -> Json {
        share
    }
}

/// What is said to a call; nothing to a notification.
fn result(call: &Json) -> Option<Json> {
    let fields = call.as_object().expect("a call is an object");
    assert_eq!(fields["jsonrpc"], "2.0");
    let of = format!("{} {:?}", fields["method"], fields.get("params"));
    Some(json!({"jsonrpc": "2.0", "id": fields.get("id")?, "result": {"of": of}}))
}

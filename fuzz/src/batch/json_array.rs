//! Arrays, with a server that answers each item in its place. Source: KServe's and TensorFlow Serving's first protocol.

use super::{Server, holds, parsed};
use serde_json::{Value as Json, json};
use switchyard_core::batch::{Joined, JsonArray, Protocol, Sends};

struct InPlace {
    protocol: Protocol,
    field: Option<&'static str>,
    answers: Option<&'static str>,
    sends: Sends,
}

/// Items, in each form. The bytes are lines.
pub fn json_array(bytes: &[u8]) {
    let forms = [
        (None, None, Sends::Item),
        (Some("instances"), Some("predictions"), Sends::Items),
        (None, Some("predictions"), Sends::Items),
        (Some("instances"), None, Sends::Item),
    ];
    for (field, answers, sends) in forms {
        let protocol = Protocol::JsonArray(JsonArray {
            field: field.map(Into::into),
            answers: answers.map(Into::into),
            sends,
            is_repeatable: true,
            weigh: Some("/text".into()),
        });
        holds(&InPlace { protocol, field, answers, sends }, bytes);
    }
}

impl InPlace {
    fn says(&self, request: &Json) -> Json {
        let (items, beside) = match self.field {
            Some(field) => {
                let mut beside = request.clone();
                let fields = beside.as_object_mut().expect("a batch is an object");
                (fields.remove(field).expect("the field is there"), beside)
            }
            None => (request.clone(), Json::Null),
        };
        let items = items.as_array().expect("an array");
        let said: Json = items.iter().map(|item| json!({"of": item.to_string()})).collect();
        match self.answers {
            Some(field) => json!({field: said, "beside": beside.to_string()}),
            None => said,
        }
    }
}

impl Server for InPlace {
    fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    fn answers(&self, joined: &Joined) -> Option<Json> {
        Some(self.says(&parsed(&joined.body)))
    }

    fn alone(&self, line: &[u8]) -> Option<Json> {
        let own = parsed(line);
        Some(match self.sends {
            Sends::Item => json!({"of": own.to_string()}),
            Sends::Items => self.says(&own),
        })
    }

    fn items<'a>(&self, answer: &'a mut Json) -> Option<&'a mut Vec<Json>> {
        match self.answers {
            Some(field) => answer.get_mut(field)?.as_array_mut(),
            None => answer.as_array_mut(),
        }
    }

    fn is_ordered(&self) -> bool {
        true
    }
}

//! Lists of ids in a query, with a server that has every object whose id has no `x` in it.
//!
//! Trade-off: a server that takes `a` and `A` for one is not tried here; the filter refuses what might be of one, and so may an honest
//! answer be refused that has not all objects.

use super::{Server, holds};
use serde_json::{Value as Json, json};
use switchyard_core::batch::{IdForm, IdList, Joined, Part, Protocol};

struct Shop {
    protocol: Protocol,
    form: IdForm,
    field: Option<&'static str>,
}

/// Paths, in both forms. The bytes are lines.
pub fn id_list(bytes: &[u8]) {
    for (form, field) in [(IdForm::Comma, None), (IdForm::Repeated, Some("data"))] {
        let protocol = Protocol::IdList(IdList {
            path: "/items".into(),
            parameter: "ids".into(),
            form,
            takes_single: true,
            field: field.map(Into::into),
            id_pointer: "/id".into(),
        });
        holds(&Shop { protocol, form, field }, bytes);
    }
}

impl Shop {
    fn says(&self, target: &str) -> Json {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if let Some(id) = path.strip_prefix("/items/") {
            let missing = json!({"error": {"status": 404, "message": "there is no such object"}});
            return object(&decoded(id)).unwrap_or(missing);
        }
        assert_eq!(path, "/items");
        let (mut ids, mut rest) = (Vec::new(), Vec::new());
        for parameter in query.split('&') {
            match parameter.strip_prefix("ids=") {
                Some(value) if self.form == IdForm::Comma => {
                    ids.extend(decoded(value).split(',').map(str::to_owned));
                }
                Some(value) => ids.push(decoded(value)),
                None => rest.extend((!parameter.is_empty()).then_some(parameter)),
            }
        }
        let found: Json = ids.iter().filter_map(|id| object(id)).collect();
        match self.field {
            Some(field) => json!({field: found, "beside": rest}),
            None => found,
        }
    }
}

impl Server for Shop {
    fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    fn read(&self, line: &[u8]) -> Option<Part> {
        self.protocol.read(b"GET", line, b"").ok()
    }

    fn answers(&self, joined: &Joined) -> Option<Json> {
        assert!(joined.body.is_empty());
        Some(self.says(joined.path.as_deref().expect("a path")))
    }

    fn alone(&self, line: &[u8]) -> Option<Json> {
        Some(self.says(std::str::from_utf8(line).expect("what is read is a text")))
    }

    fn items<'a>(&self, answer: &'a mut Json) -> Option<&'a mut Vec<Json>> {
        match self.field {
            Some(field) => answer.get_mut(field)?.as_array_mut(),
            None => answer.as_array_mut(),
        }
    }

    fn may_refuse(&self, _answer: &Json) -> bool {
        true
    }
}

/// The object of this id, which is a number where it is written like one.
fn object(id: &str) -> Option<Json> {
    let number = id.parse::<u32>().ok().filter(|number| number.to_string() == id);
    let written = number.map_or_else(|| Json::from(id), Json::from);
    (!id.contains('x')).then(|| json!({"id": written, "of": id}))
}

/// A text without percent-encoding.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next().expect("a digit")).to_digit(16).expect("a digit") as u8;
        bytes.push(if byte == b'%' { digit() << 4 | digit() } else { byte });
    }
    String::from_utf8(bytes).expect("what is read is a text")
}

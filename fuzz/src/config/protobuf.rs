//! A tree as a binary `google.protobuf.Struct`, as Envoy hands one to a filter.

use serde_json::Value as Json;

/// The greatest whole number up to which a double has every one.
const MOST_WHOLE: u64 = 1 << 53;

/// The message; `None`: the tree is no object, or has a number that is another one as a double.
pub(super) fn encode(tree: &Json) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    for (key, value) in tree.as_object()? {
        let entry = [field(1, key.as_bytes()), field(2, &encoded(value)?)].concat();
        message.extend(field(1, &entry));
    }
    Some(message)
}

fn encoded(value: &Json) -> Option<Vec<u8>> {
    Some(match value {
        Json::Null => vec![1 << 3, 0],
        Json::Bool(flag) => vec![4 << 3, u8::from(*flag)],
        Json::Number(number) => {
            let is_exact = match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => whole <= MOST_WHOLE,
                (_, Some(whole)) => whole.unsigned_abs() <= MOST_WHOLE,
                // A Struct does not tell 1.0 from 1, and has no -0.
                _ => number.as_f64()?.fract() != 0.0,
            };
            let double = number.as_f64().filter(|_| is_exact)?;
            [&[2 << 3 | 1][..], &double.to_le_bytes()].concat()
        }
        Json::String(text) => field(3, text.as_bytes()),
        Json::Object(_) => field(5, &encode(value)?),
        Json::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| Some(field(1, &encoded(item)?))).collect();
            field(6, &items?.concat())
        }
    })
}

/// A field with bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let (mut message, mut length) = (vec![number << 3 | 2], bytes.len());
    while length > 0x7f {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    [message, bytes.to_vec()].concat()
}

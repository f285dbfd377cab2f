//! A binary `google.protobuf.Struct`, which is how Envoy hands one to a filter (its docs say JSON; 1.36.4 to
//! 1.40.0 send the message).
//!
//! Wire format (protobuf.dev, "Encoding"): Struct { 1: map<string, Value> }, Value { 1: null, 2: double,
//! 3: string, 4: bool, 5: Struct, 6: ListValue }, ListValue { 1: Value }. Unknown fields are skipped, as
//! protobuf asks; depth is bounded, as in JSON.

use serde_json::{Map, Value};

/// As deep as serde_json goes.
const MAX_DEPTH: usize = 128;

/// The tree of a binary Struct.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    structure(bytes, 0).map_err(|problem| format!("is not a google.protobuf.Struct: {problem}"))
}

type Parsed<T> = Result<T, &'static str>;

/// What a field holds.
enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32,
}

/// Reads the fields of one message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it breaks off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Parsed<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first().ok_or("it breaks off")?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number is too long")
    }

    /// Number and content of the next field; `None` at the end.
    fn next(&mut self) -> Parsed<Option<(u64, Field<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(self.take(8)?.try_into().map_err(|_| "it breaks off")?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| "a length is too great")?;
                Field::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Field::Fixed32)?,
            _ => return Err("a field has an unknown wire type"),
        };
        Ok(Some((tag >> 3, field)))
    }
}

fn text(bytes: &[u8]) -> Parsed<String> {
    core::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a text is not UTF-8")
}

fn structure(bytes: &[u8], depth: usize) -> Parsed<Value> {
    if depth > MAX_DEPTH {
        return Err("it is nested too deep");
    }
    let (mut fields, mut map) = (Fields(bytes), Map::new());
    while let Some((number, field)) = fields.next()? {
        if let (1, Field::Bytes(entry)) = (number, field) {
            let (key, value) = map_entry(entry, depth)?;
            if map.contains_key(&key) {
                return Err("a key stands twice");
            }
            map.insert(key, value);
        }
    }
    Ok(Value::Object(map))
}

fn map_entry(bytes: &[u8], depth: usize) -> Parsed<(String, Value)> {
    let (mut fields, mut key, mut value_of) = (Fields(bytes), String::new(), Value::Null);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Bytes(name)) => key = text(name)?,
            (2, Field::Bytes(message)) => value_of = value(message, depth)?,
            _ => {}
        }
    }
    Ok((key, value_of))
}

fn value(bytes: &[u8], depth: usize) -> Parsed<Value> {
    let (mut fields, mut read) = (Fields(bytes), Value::Null);
    while let Some((number, field)) = fields.next()? {
        read = match (number, field) {
            (1, Field::Varint(_)) => Value::Null,
            (2, Field::Fixed64(double)) => number_value(f64::from_le_bytes(double))?,
            (3, Field::Bytes(string)) => Value::String(text(string)?),
            (4, Field::Varint(flag)) => Value::Bool(flag != 0),
            (5, Field::Bytes(message)) => structure(message, depth + 1)?,
            (6, Field::Bytes(message)) => list(message, depth + 1)?,
            _ => read,
        };
    }
    Ok(read)
}

fn list(bytes: &[u8], depth: usize) -> Parsed<Value> {
    if depth > MAX_DEPTH {
        return Err("it is nested too deep");
    }
    let (mut fields, mut items) = (Fields(bytes), Vec::new());
    while let Some((number, field)) = fields.next()? {
        if let (1, Field::Bytes(message)) = (number, field) {
            items.push(value(message, depth)?);
        }
    }
    Ok(Value::Array(items))
}

/// A whole double is a whole number again, as it was in the YAML.
fn number_value(double: f64) -> Parsed<Value> {
    if !double.is_finite() {
        return Err("a number is not finite");
    }
    let whole = double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0;
    Ok(if whole { (double as i64).into() } else { double.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut message = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length > 127 {
            message.push((length & 127) as u8 | 128);
            length >>= 7;
        }
        message.push(length as u8);
        [message, bytes.to_vec()].concat()
    }

    /// Encodes as protobuf does; what is decoded again must be the same tree.
    fn encode(value: &Value) -> Vec<u8> {
        match value {
            Value::Null => vec![1 << 3, 0],
            Value::Bool(flag) => vec![4 << 3, u8::from(*flag)],
            Value::Number(number) => {
                [vec![2 << 3 | 1], number.as_f64().unwrap().to_le_bytes().to_vec()].concat()
            }
            Value::String(text) => field(3, text.as_bytes()),
            Value::Object(_) => field(5, &encode_struct(value)),
            Value::Array(items) => {
                field(6, &items.iter().flat_map(|item| field(1, &encode(item))).collect::<Vec<_>>())
            }
        }
    }

    fn encode_struct(value: &Value) -> Vec<u8> {
        let entry = |(key, value): (&String, &Value)| {
            field(1, &[field(1, key.as_bytes()), field(2, &encode(value))].concat())
        };
        value.as_object().unwrap().iter().flat_map(entry).collect()
    }

    #[test]
    fn what_envoy_sends_is_the_tree_that_was_written() {
        let tree = json!({
            "upstreams": [{"name": "web", "weight": 2, "bias": 0.5, "on": true, "off": false, "none": null}],
            "a": {"long": "x".repeat(300), "nested": {"list": [1, [2, []], {}]}, "negative": -7}
        });
        assert_eq!(parse(&encode_struct(&tree)), Ok(tree));
        assert_eq!(parse(b""), Ok(json!({})));
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let known = encode_struct(&json!({"a": 1}));
        let unknown = [vec![9 << 3, 5], vec![10 << 3 | 5, 1, 2, 3, 4], field(11, b"x"), known].concat();
        assert_eq!(parse(&unknown), Ok(json!({"a": 1})));
    }

    #[test]
    fn what_json_could_not_say_is_refused() {
        let once = encode_struct(&json!({"a": 1}));
        let twice = [once.clone(), once].concat();
        assert!(parse(&twice).unwrap_err().ends_with("a key stands twice"));
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let value = [vec![2 << 3 | 1], number.to_le_bytes().to_vec()].concat();
            let message = field(1, &[field(1, b"a"), field(2, &value)].concat());
            assert!(parse(&message).unwrap_err().ends_with("a number is not finite"), "{number}");
        }
    }

    #[test]
    fn what_breaks_off_or_goes_too_deep_is_refused() {
        let whole = encode_struct(&json!({"a": {"b": [1, "x"]}}));
        for end in 1..whole.len() {
            let _ = parse(&whole[..end]);
        }
        assert!(parse(&whole[..whole.len() - 1]).unwrap_err().ends_with("it breaks off"));
        let mut deep = json!({});
        for _ in 0..200 {
            deep = json!({"a": deep});
        }
        assert!(parse(&encode_struct(&deep)).unwrap_err().ends_with("nested too deep"));
    }
}

//! Values with units: a duration, a size in bytes, a percentage. Each is its own type.

use crate::error::{Errors, Fault, Path, show};
use crate::read::{Read, expected, whole};
use core::time::Duration as Time;
use serde_json::Value;

/// A duration written with its unit: `"250ms"`, `"1.5s"`, `"1h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duration(pub(crate) Time);

/// A size in bytes: a whole number, or `"64KiB"`, `"1MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// A percentage, 0..=100: a whole number, or `"50%"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percent(pub(crate) u8);

/// Units of time with their length in nanoseconds.
const TIME: [(&str, f64); 5] = [("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// Units of size with their length in bytes.
const SIZE: [(&str, f64); 4] = [("B", 1.0), ("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)];

/// Nobody waits longer than this, and every sum of durations stays far from overflow.
const LONGEST: Time = Time::from_secs(365 * 24 * 3600);

/// No size is greater, and up to it every whole number is exact.
const MOST_BYTES: f64 = 9_007_199_254_740_992.0;

/// Number and unit of a text such as `1.5s`.
fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// What `text` is in the smallest unit of `units`.
fn measure(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (number, unit) = split(text)?;
    let (_, length) = units.iter().find(|(name, _)| *name == unit)?;
    Some(number * length)
}

/// Whether this is a number below zero, with or without a unit.
fn is_negative(value: &Value) -> bool {
    match value {
        Value::String(text) => text.strip_prefix('-').is_some_and(|text| split(text).is_some()),
        other => other.as_f64().is_some_and(|number| number < 0.0),
    }
}

impl Read for Duration {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        let bare = match value {
            Value::Number(number) if number.as_f64().is_some_and(|number| number >= 0.0) => {
                Some(number.to_string())
            }
            Value::String(text) if split(text).is_some_and(|(_, unit)| unit.is_empty()) => Some(text.clone()),
            _ => None,
        };
        if let Some(bare) = bare {
            errors.add_as(
                Fault::WrongType,
                at,
                format!("{} has no unit; write \"{bare}s\" or \"{bare}ms\"", show(value)),
            );
            return None;
        }
        let nanos = value.as_str().and_then(|text| measure(text, &TIME));
        match nanos {
            Some(nanos) if nanos > LONGEST.as_nanos() as f64 => {
                errors.add_as(
                    Fault::OutOfRange,
                    at,
                    format!("{} is not at most \"8760h\" (a year)", show(value)),
                );
                None
            }
            // Binary fractions miss decimal ones by about 2^-52 of the number.
            Some(nanos) if (nanos - nanos.round()).abs() > (nanos * 1e-12).max(1e-6) => {
                errors.add_as(
                    Fault::OutOfRange,
                    at,
                    format!("{} is finer than a nanosecond; round it", show(value)),
                );
                None
            }
            Some(nanos) => Some(Self(Time::from_nanos(nanos.round() as u64))),
            None if is_negative(value) => {
                errors.add_as(
                    Fault::OutOfRange,
                    at,
                    format!("{} is negative; it takes zero or more", show(value)),
                );
                None
            }
            None => expected(
                "a duration; write a number and us, ms, s, m or h, as in \"250ms\"",
                value,
                at,
                errors,
            ),
        }
    }
}

fn whole_bytes(bytes: f64) -> Option<u64> {
    (bytes.fract() == 0.0 && bytes <= MOST_BYTES).then_some(bytes as u64)
}

impl Read for ByteSize {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        let bytes = whole(value)
            .or_else(|| value.as_str().and_then(|text| measure(text, &SIZE)).and_then(whole_bytes));
        bytes.map(Self).or_else(|| {
            expected(
                "a size; write bytes, or a number and KiB, MiB or GiB, as in \"64KiB\"",
                value,
                at,
                errors,
            )
        })
    }
}

impl Read for Percent {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        let number = match value {
            Value::String(text) if text.ends_with('%') => {
                text.strip_suffix('%').and_then(|digits| digits.trim_end().parse().ok())
            }
            other => whole(other),
        };
        match number.and_then(|number| u8::try_from(number).ok()).filter(|number| *number <= 100) {
            Some(percent) => Some(Self(percent)),
            // Another number, or none.
            None => {
                let fault =
                    if number.is_some() || is_negative(value) { Fault::OutOfRange } else { Fault::WrongType };
                let problem =
                    format!("{} is not a percentage; write a whole number from 0 to 100", show(value));
                errors.add_as(fault, at, problem);
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
mod schema {
    use super::{ByteSize, Duration, Percent};
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use std::borrow::Cow;

    macro_rules! inline_schema {
        ($type:ty, $name:literal, $schema:expr) => {
            impl JsonSchema for $type {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    $name.into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            }
        };
    }

    inline_schema!(
        Duration,
        "Duration",
        json_schema!({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(us|ms|s|m|h)$", "examples": ["250ms"]})
    );
    inline_schema!(
        ByteSize,
        "ByteSize",
        json_schema!({"oneOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(B|KiB|MiB|GiB)$", "examples": ["64KiB"]}
        ]})
    );
    inline_schema!(
        Percent,
        "Percent",
        json_schema!({"oneOf": [
            {"type": "integer", "minimum": 0, "maximum": 100},
            {"type": "string", "pattern": "^[0-9]{1,3} ?%$", "examples": ["50%"]}
        ]})
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn read<T: Read>(value: Value) -> Result<T, String> {
        let mut errors = Errors::default();
        let read = T::read(&value, &Path::Root, &mut errors);
        errors.finish(read).map_err(|errors| errors.to_string())
    }

    #[test]
    fn durations_have_units() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("2m", 120_000_000_000),
            ("7us", 7_000),
            ("0.5us", 500),
            ("1.001us", 1_001),
            ("86400.001s", 86_400_001_000_000),
            ("0s", 0),
        ] {
            assert_eq!(read(json!(text)), Ok(Duration(Time::from_nanos(nanos))), "{text}");
        }
        assert_eq!(read(json!("1h")), Ok(Duration(Time::from_secs(3600))));
        for wrong in [
            json!("10"),
            json!(10),
            json!("-1s"),
            json!("1.0001us"),
            json!(-1),
            json!("1 fortnight"),
            json!("9000h"),
            json!(""),
            json!("."),
            json!(true),
        ] {
            assert!(read::<Duration>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_units() {
        assert_eq!(read(json!(100)), Ok(ByteSize(100)));
        assert_eq!(read(json!("64KiB")), Ok(ByteSize(65_536)));
        assert_eq!(read(json!("1.5 MiB")), Ok(ByteSize(1_572_864)));
        for wrong in
            [json!("64KB"), json!(-1), json!("64"), json!("much"), json!("1.5B"), json!("9999999999GiB")]
        {
            assert!(read::<ByteSize>(wrong.clone()).is_err(), "{wrong}");
        }
        assert_eq!(ByteSize(7).bytes(), 7);
    }

    #[test]
    fn percentages_end_at_a_hundred() {
        assert_eq!(read(json!(0)), Ok(Percent(0)));
        assert_eq!(read(json!("50%")), Ok(Percent(50)));
        assert_eq!(read(json!(100.0)), Ok(Percent(100)));
        for wrong in [json!(101), json!(-1), json!("101%"), json!("50"), json!(0.5)] {
            assert!(read::<Percent>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}

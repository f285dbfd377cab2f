//! The one configuration document that all Switchyard filters share.
//!
//! Two stages: `raw` is the document as written, field by field; [`Document`] is what it means, with private
//! fields, so that one that is wrong cannot be made. Errors name the path, the value and the fix, and come all
//! at once. The same code runs in the filters and in `cargo xtask check`.
//!
//! Invariant: no input makes it panic, and an empty configuration (no bytes, `{}`, `null`) is legal and does
//! nothing.

#![forbid(unsafe_code)]

mod error;
mod json;
mod protobuf;
mod raw;
mod read;
#[cfg(feature = "schema")]
mod reference;
mod resolve;
#[cfg(feature = "schema")]
mod schema;
mod values;

pub use error::{ConfigError, ConfigErrors, Fault, MAX_LISTED};
#[cfg(feature = "schema")]
pub use reference::reference_markdown;
pub use resolve::{Batching, ClusterPatterns, ClusterPlaces, Document, Mode, Route, Target, Upstream};
#[cfg(feature = "schema")]
pub use schema::schema_json;
pub use values::ByteSize;

/// The longest document, in bytes.
const MAX_DOCUMENT: usize = 16 << 20;

fn bounded(bytes: &[u8]) -> Result<&[u8], ConfigErrors> {
    match bytes.len() {
        0..=MAX_DOCUMENT => Ok(bytes),
        length => {
            Err(ConfigErrors::unreadable(format!("is {length} bytes long; it takes at most {MAX_DOCUMENT}")))
        }
    }
}

/// Whether these bytes can only be a binary Struct. JSON text is UTF-8 and holds no control characters but tab
/// and line breaks; a Struct begins with the tag 0x0a (a line feed, as JSON may) and holds the tag 0x12 before
/// the value of each of its entries.
fn is_struct(bytes: &[u8]) -> bool {
    let binary = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x7f);
    bytes.first() == Some(&0x0a) && (bytes.iter().any(binary) || core::str::from_utf8(bytes).is_err())
}

impl Document {
    /// The document that this JSON text means; of at most 16 MiB.
    ///
    /// # Errors
    /// Everything that is wrong with it; for a text that is not JSON, where it stops being JSON.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigErrors> {
        if bounded(text)?.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        Self::from_value(&json::parse(text).map_err(ConfigErrors::unreadable)?)
    }

    /// The document that this binary `google.protobuf.Struct` means; of at most 16 MiB.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_struct(message: &[u8]) -> Result<Self, ConfigErrors> {
        Self::from_value(&protobuf::parse(bounded(message)?).map_err(ConfigErrors::unreadable)?)
    }

    /// The document in a plugin configuration: JSON text (`StringValue`, `BytesValue`) or a binary Struct.
    ///
    /// Which of the two is told from the bytes alone, and no document is valid as both.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_plugin_configuration(bytes: &[u8]) -> Result<Self, ConfigErrors> {
        if is_struct(bytes) { Self::from_struct(bytes) } else { Self::from_json(bytes) }
    }

    /// The document that a store has; as [`Document::from_json`], but that it must be one: a key that was emptied by mistake does not
    /// take everything out of force, and a store does not name another.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_store(text: &[u8]) -> Result<Self, ConfigErrors> {
        if bounded(text)?.iter().all(u8::is_ascii_whitespace) {
            return Err(ConfigErrors::unreadable("is empty; write {} for one that does nothing".to_owned()));
        }
        let document = Self::from_json(text)?;
        match document.stored() {
            None => Ok(document),
            Some(_) => {
                Err(ConfigErrors::unreadable("is in a store and names another; put it there".to_owned()))
            }
        }
    }
}

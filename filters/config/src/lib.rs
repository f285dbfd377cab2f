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

pub use error::{ConfigError, ConfigErrors, MAX_LISTED};
#[cfg(feature = "schema")]
pub use reference::reference_markdown;
pub use resolve::{Document, Mode, Route, Target, Upstream};
#[cfg(feature = "schema")]
pub use schema::schema_json;
pub use values::ByteSize;

impl Document {
    /// The document that this JSON text means.
    ///
    /// # Errors
    /// Everything that is wrong with it; for a text that is not JSON, where it stops being JSON.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigErrors> {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        Self::from_value(&json::parse(text).map_err(ConfigErrors::unreadable)?)
    }

    /// The document that this binary `google.protobuf.Struct` means.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_struct(message: &[u8]) -> Result<Self, ConfigErrors> {
        Self::from_value(&protobuf::parse(message).map_err(ConfigErrors::unreadable)?)
    }

    /// The document in a plugin configuration: JSON text (`StringValue`, `BytesValue`) or a binary Struct.
    ///
    /// A Struct begins with the tag 0x0a, which is also a newline. So what decodes as a Struct of one field at
    /// least is one: a JSON text never does, for behind its newline stands a length that would have to
    /// fit its braces and quotes.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_plugin_configuration(bytes: &[u8]) -> Result<Self, ConfigErrors> {
        if bytes.first() == Some(&0x0a) {
            if let Ok(tree) = protobuf::parse(bytes) {
                return Self::from_value(&tree);
            }
        }
        Self::from_json(bytes)
    }
}

//! SY02: values of the document.

use super::{Code, Severity, codes};

codes! {
    /// [`switchyard_config::Fault::UnknownField`].
    UNKNOWN_FIELD = Error "SY0201" "unknown field"
        "There is no field of this name here. A field that nobody reads would be a setting that is not in force, so the document is refused. \
         Correct its name, or begin it with `_` if it is a note of yours. A document that was written for a newer version has fields that this \
         one does not know: check it with the program of that version. A document has no field for its version; one that has is of a newer form than \
         this program and these modules read.";
    /// [`switchyard_config::Fault::WrongType`].
    WRONG_TYPE = Error "SY0202" "not what the field takes"
        "The value is of another type or form than the field's: a number where a text belongs, a duration without its unit, an address that \
         is not `ip:port`, an expression that does not compile. The fix says what the field takes; [config.md](config.md) has every field.";
    /// [`switchyard_config::Fault::Missing`].
    MISSING = Error "SY0203" "missing field"
        "A field that must be there is not. [config.md](config.md) marks those that are required.";
    /// [`switchyard_config::Fault::OutOfRange`].
    OUT_OF_RANGE = Error "SY0204" "out of range"
        "The value is of the right type, and more or less than what the field takes. The bounds keep a worker's memory and time in hand, or are \
         Envoy's own.";
    /// [`switchyard_config::Fault::Duplicate`].
    DUPLICATE = Error "SY0205" "stands twice"
        "What may stand here once stands here again: a name, an address, a header. One of the two would not count. Remove one of them.";
    /// [`switchyard_config::Fault::UnknownName`].
    UNKNOWN_NAME = Error "SY0206" "unknown name"
        "This names something that the document does not have, as a route does whose upstream is not in `upstreams`. Its requests would go \
         nowhere. Correct the name, or add what it names.";
    /// [`switchyard_config::Fault::Unreadable`].
    UNREADABLE = Error "SY0207" "the document cannot be read"
        "What the plugin gets is no document at all: no JSON, no base64, too long, or something other than an object. In a `StringValue` stands \
         JSON and not YAML; in a `BytesValue` stands the base64 of JSON; in a `Struct` the document as it is.";
    /// Errors beyond those that are listed.
    MORE = Error "SY0208" "more errors than are listed"
        "Only the first hundred errors of a document are listed. Mend those and check again.";
}

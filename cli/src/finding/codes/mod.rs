//! The codes of what is found in files, a table for each family.
//!
//! Invariant: a code, once it is in a table, stays there and means the same; what is no longer found keeps its line. A command that finds
//! something else has a table of its own, and [`crate::pages`] has all of them.

mod around;
mod files;
mod hurts;
mod manifests;
mod rules;
mod values;

use super::{Code, Severity};

pub use around::*;
pub use files::*;
pub use hurts::*;
pub use manifests::*;
pub use rules::*;
pub use values::*;

/// All of them, in order.
pub const IN_FILES: &[&[&Code]] =
    &[files::ALL, values::ALL, rules::ALL, hurts::ALL, around::ALL, manifests::ALL];

/// Declares a family: its codes, each with what it means, and the table of them.
macro_rules! codes {
    ($( $(#[$meta:meta])* $name:ident = $severity:ident $id:literal $title:literal $page:literal; )*) => {
        $(
            $(#[$meta])*
            pub static $name: Code =
                Code { id: $id, title: $title, severity: Severity::$severity, page: $page };
        )*

        pub(super) const ALL: &[&Code] = &[$(&$name),*];
    };
}

use codes;

//! Traffic split.

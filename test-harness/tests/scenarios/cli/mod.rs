//! The `switchyard` program against real Envoys: what it says of them is so.

pub(crate) mod doctor;
mod explain;
mod status;

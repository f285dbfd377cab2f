//! The hash of a request: which of its parts make it, and Envoy's way of combining them.

mod cookie;
mod functions;
mod request_hash;
mod source;
mod source_ip;

pub use cookie::NewCookie;
pub use functions::{murmur_hash_2, xxh64, xxh64_chained};
pub use request_hash::{HashOutcome, RequestHash};
pub use source::{Cookie, HashOn, SameSite, Source};
pub use source_ip::without_port;

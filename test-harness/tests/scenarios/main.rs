//! Every scenario on a real Envoy, by filter. One program: what all of them stand on is compiled and linked once.

mod batch;
mod chain;
mod cli;
mod coalesce;
mod endpoints;
mod harness;
mod identity;
mod keys;
mod logs;
mod manifests;
mod observability;
mod outlier;
mod parity;
mod retry;
mod router;
mod security;
mod status;
mod unread;

//! Objects by their ids, asked for by many clients.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod answers;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod targets;

use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::{Answer, Broken, IdForm, IdList, Part, Protocol, Share, Unbatchable};

fn settings(form: IdForm) -> IdList {
    IdList {
        path: "/items".into(),
        parameter: "ids".into(),
        form,
        takes_single: true,
        field: None,
        id_pointer: "/id".into(),
    }
}

fn comma() -> Protocol {
    Protocol::IdList(settings(IdForm::Comma))
}

fn repeated() -> Protocol {
    Protocol::IdList(settings(IdForm::Repeated))
}

/// The objects are in a field of the answer, and their ids not on the surface.
fn wrapped() -> Protocol {
    let (field, id_pointer) = (Some("found".into()), "/key/0".into());
    Protocol::IdList(IdList { field, id_pointer, ..settings(IdForm::Comma) })
}

fn read(protocol: &Protocol, path: &str) -> Result<Part, Unbatchable> {
    protocol.read(b"GET", path.as_bytes(), b"")
}

fn parts(protocol: &Protocol, paths: &[&str]) -> Vec<Part> {
    paths.iter().map(|path| read(protocol, path).expect("ids")).collect()
}

/// The path that asks for all of these.
fn joined(protocol: &Protocol, paths: &[&str]) -> String {
    let joined = protocol.join(&parts(protocol, paths));
    assert!(joined.body.is_empty());
    joined.path.expect("a path")
}

fn split(protocol: &Protocol, paths: &[&str], answer: &str) -> Result<Vec<Share>, Broken> {
    protocol.split_all(&parts(protocol, paths), Answer { status: 200, body: answer.as_bytes() })
}

/// Status and body of every share.
fn shares(protocol: &Protocol, paths: &[&str], answer: &str) -> Vec<(u16, String)> {
    let shares = split(protocol, paths, answer).expect("an answer");
    shares.into_iter().map(|share| (share.status, String::from_utf8(share.body).expect("text"))).collect()
}

//! What tells requests apart that may not share a call.
//!
//! Invariant: a document that lets principals share calls says so in so many words, and then says nothing about them.
//! Trade-off: headers that are in every key by themselves may be named again; which those are is the core's to know.

use crate::error::{Errors, Path, cut};
use crate::raw::batch as raw;
use crate::raw::key::{BatchKey, Names};
use crate::resolve::key_header::{self, Sharing};
use crate::resolve::key_rules::{self, placed};
use hashbrown::HashMap;
use switchyard_core::batch::KeyPolicy;

/// What requests with equal keys do.
const SHARING: Sharing = Sharing { done: "batched", share: "a call", header: "key header" };

/// What tells requests apart, and whether principals do.
pub(super) fn resolve(raw: &raw::Batch, at: &Path<'_>, errors: &mut Errors) -> KeyPolicy {
    let key_at = at.field("key");
    let key = raw.key.as_ref();
    let said = key.map(BatchKey::said).unwrap_or_default();
    let headers = said.headers;
    let principal = key.and_then(|key| key.principal.as_deref());
    let mixes = raw.i_know_that_batches_mix_principals == Some(true);
    let rules = key_rules::resolve(said, SHARING, &key_at, errors);
    refuse_encodings(headers, &key_at.field("headers"), errors);
    if let Some(principal) = principal {
        check_principal(principal, headers, mixes, &key_at.field("principal"), errors);
    }
    let names = |list: &Names| list.iter().flatten().map(|name| name.as_str().into()).collect();
    KeyPolicy { rules, principal: names(principal.unwrap_or_default()), mixes_principals: mixes }
}

fn refuse_encodings(headers: &Names, at: &Path<'_>, errors: &mut Errors) {
    for (index, _) in placed(headers).filter(|(_, name)| *name == "accept-encoding") {
        let problem = "\"accept-encoding\" is identity in every call, so it tells nothing apart; remove it";
        errors.add(&at.index(index), problem);
    }
}

fn check_principal(principal: &Names, headers: &Names, mixes: bool, at: &Path<'_>, errors: &mut Errors) {
    if mixes {
        let problem = "is not looked at with i_know_that_batches_mix_principals: true; remove one of them";
        errors.add(at, problem);
    } else if principal.is_empty() {
        errors.add(at, "is empty; name a header or remove it");
    }
    let sharing = Sharing { header: "principal header", ..SHARING };
    key_header::check_all(|| placed(principal), sharing, at, errors);
    let known: HashMap<&str, usize> = placed(headers).map(|(index, name)| (name, index)).collect();
    for (index, name) in placed(principal) {
        if let Some(other) = known.get(name) {
            let problem = format!("{:?} is key.headers[{other}] already; remove it there", cut(name));
            errors.add(&at.index(index), problem);
        }
    }
}

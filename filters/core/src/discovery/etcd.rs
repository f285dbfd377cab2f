//! Services registered in etcd: its JSON gateway's `POST /v3/kv/range`.
//!
//! Below the prefix each key is an instance (or, as go-micro writes it, a service with its `nodes`), and goes with its lease. The value is
//! `ip:port`, or an object: `address` (`addr`, `Addr`, `Address`, `host`, `ip`) and, if that has none, `port`; `weight`, `zone`, `region` and `priority` may
//! stand beside it or in `metadata` (`Metadata`), as grpc-go's naming has it. An entry with `Op` other than 0 is one that was deleted.
//! Invariant: a list with fewer keys than etcd counts is refused. Trade-off: the range is read every time; a watch would be a stream.
//! Source: etcd's `rpc.proto` (RangeRequest, RangeResponse) and its gRPC gateway, which writes bytes in base64 and 64-bit numbers as texts.

use super::document::{field, gathered, is_true, list, name, number, priority, read};
use super::listing::{Gathered, MOST_MEMBERS};
use super::member::{Member, NoMember};
use super::read::{Cursor, Read};
use super::refusal::Refusal;
use crate::batch::json::Value;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The longest value that is looked into, in bytes of base64; an instance has a few hundred, a service with its nodes some thousands.
const MOST_VALUE: usize = 256 << 10;

/// Which keys are members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Etcd {
    /// What the keys begin with; not empty.
    pub prefix: Box<str>,
}

impl Etcd {
    /// Where it is asked.
    pub(super) const PATH: &str = "/v3/kv/range";

    /// The question: all keys with the prefix, and one more than are kept.
    pub(super) fn question(&self) -> String {
        let mut end = self.prefix.as_bytes().to_vec();
        // No UTF-8 has a byte 0xff, so the last one can be one more.
        if let Some(last) = end.last_mut() {
            *last = last.saturating_add(1);
        }
        let (key, end) = (BASE64_STANDARD.encode(&*self.prefix), BASE64_STANDARD.encode(&end));
        format!(r#"{{"key":"{key}","range_end":"{end}","limit":"{}"}}"#, MOST_MEMBERS + 1)
    }

    /// The list in this answer.
    pub(super) fn read(body: &[u8]) -> Result<Read, Refusal> {
        let document = read(body)?;
        let shape = |_: NoMember| Refusal::Shape("has a count that is no number");
        if !field(document, "header").is_some_and(Value::is_object) {
            return Err(Refusal::Shape("has no header, as etcd's have"));
        }
        let mut entries = 0_u64;
        let kvs = list(field(document, "kvs"), "has kvs that are no list")?.inspect(|_| entries += 1);
        let mut gathered = gathered(kvs, instance);
        let has_more = is_true(document, "more");
        let count = number(field(document, "count")).map_err(shape)?.unwrap_or_default();
        if has_more {
            gathered.has_more();
        } else if count != entries {
            return Err(Refusal::Shape("has another number of kvs than it counts"));
        }
        Ok(Read::one(gathered.finish(), Cursor::default()))
    }
}

/// One key and its value.
fn instance(kv: Value<'_>, gathered: &mut Gathered) {
    let value = field(kv, "value").filter(|value| value.text().len() <= MOST_VALUE).and_then(Value::string);
    let value = value.and_then(|text| BASE64_STANDARD.decode(&*text).ok());
    let Some(text) = value.as_deref().and_then(|value| str::from_utf8(value).ok()) else {
        return gathered.add(Err(NoMember::Malformed));
    };
    if !text.trim_start().starts_with(['{', '"']) {
        return gathered.add(Member::at(text.trim(), None));
    }
    match read(text.as_bytes()) {
        Err(_) => gathered.add(Err(NoMember::Malformed)),
        Ok(entry) => match field(entry, "nodes").and_then(Value::elements) {
            Some(nodes) => nodes.for_each(|node| gathered.add(member(node))),
            None => gathered.add(member(entry)),
        },
    }
}

fn member(entry: Value<'_>) -> Result<Member, NoMember> {
    if entry.is_string() {
        return Member::at(&entry.string().unwrap_or_default(), None);
    }
    let address = first(entry, &["address", "addr", "Addr", "Address", "host", "ip"]);
    let address = address.and_then(Value::string).ok_or(NoMember::Malformed)?;
    let is_deleted = field(entry, "Op").is_some_and(|op| op.text() != "0");
    if is_deleted {
        return Err(NoMember::Malformed);
    }
    let mut member = Member::at(&address, number(first(entry, &["port", "Port"]))?)?;
    let metadata = first(entry, &["metadata", "Metadata"]).filter(|value| value.is_object());
    let said = |names: &[&str]| first(entry, names).or_else(|| first(metadata?, names));
    if let Some(weight) = number(said(&["weight", "Weight"]))? {
        member.weigh(weight)?;
    }
    member.priority = priority(said(&["priority", "Priority"]))?;
    member.locality.region = name(said(&["region", "Region"]))?;
    member.locality.zone = name(said(&["zone", "Zone"]))?;
    Ok(member)
}

/// The first of these fields that is there.
fn first<'a>(of: Value<'a>, names: &[&str]) -> Option<Value<'a>> {
    names.iter().find_map(|name| field(of, name))
}

//! Any address that answers with JSON: where in it the members stand is said by JSON pointers.
//!
//! A server that sends an `etag` is asked with `if-none-match`, and answers 304 while nothing changes. Invariant: without a list at the pointer the
//! answer is refused; an entry without an address is skipped. Source: RFC 6901; RFC 9110, section 13.1.2.

use super::ask::Answer;
use super::document::{gathered, list, name, number, priority, read};
use super::listing::Gathered;
use super::member::{Member, NoMember};
use super::read::{Cursor, Read};
use super::refusal::Refusal;
use crate::batch::json::Value;

/// Where it is, and where in it the members are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Http {
    /// Path and query.
    pub path: Box<str>,
    /// Pointer to the list; empty: the whole answer is one.
    pub list: Box<str>,
    /// In an entry of the list: pointer to its IP, or its `ip:port`; empty: the entry is that.
    pub address: Box<str>,
    /// Pointer to its port; `None`: it stands in the address.
    pub port: Option<Box<str>>,
    /// Pointer to its weight.
    pub weight: Option<Box<str>>,
    /// Pointer to its priority.
    pub priority: Option<Box<str>>,
    /// Pointer to what consistent hashing hashes.
    pub hash_key: Option<Box<str>>,
    /// Pointer to its region.
    pub region: Option<Box<str>>,
    /// Pointer to its zone.
    pub zone: Option<Box<str>>,
}

/// The header that asks for what is new only.
pub(super) fn condition(cursor: &Cursor) -> Option<(&'static str, Box<str>)> {
    Some(("if-none-match", cursor.etag.clone()?))
}

impl Http {
    /// The list in this answer.
    pub(super) fn read(&self, answer: Answer<'_>) -> Result<Read, Refusal> {
        let document = read(answer.body)?;
        let found =
            document.pointer(&self.list).ok_or(Refusal::Shape("has nothing where the list should be"))?;
        let entries = list(Some(found), "has no list where it should be")?;
        let gathered = gathered(entries, |entry, gathered: &mut Gathered| gathered.add(self.member(entry)));
        Ok(Read::one(gathered.finish(), Cursor { etag: answer.tag(), ..Cursor::default() }))
    }

    fn member(&self, entry: Value<'_>) -> Result<Member, NoMember> {
        let at =
            |pointer: &Option<Box<str>>| entry.pointer(pointer.as_deref()?).filter(|value| !value.is_null());
        let address = entry.pointer(&self.address).and_then(Value::string).ok_or(NoMember::Malformed)?;
        let mut member = Member::at(&address, number(at(&self.port))?)?;
        if let Some(weight) = number(at(&self.weight))? {
            member.weigh(weight)?;
        }
        member.priority = priority(at(&self.priority))?;
        member.hash_key = at(&self.hash_key).map(|key| name(Some(key))).transpose()?;
        (member.locality.region, member.locality.zone) = (name(at(&self.region))?, name(at(&self.zone))?);
        Ok(member)
    }
}

//! Services registered in Consul: `GET /v1/health/service/NAME`.
//!
//! With a `wait` an ask is a blocking query: Consul answers when something changes, or when that time is over. Invariant: an index that is 0
//! or goes backwards begins anew, or changes would be missed. Trade-off: tokens are no matter of ours (see [`super::Source`]).
//! Source: Consul's HTTP API, "Health" and "Blocking queries".

use super::ask::Answer;
use super::document::{field, gathered, list, name, number, read, text};
use super::encoding::percent_encoded;
use super::listing::Gathered;
use super::member::{Member, NoMember, Standing};
use super::read::{Cursor, Read};
use super::refusal::Refusal;
use crate::batch::json::Value;
use core::time::Duration;

/// Which instances are members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consul {
    /// The service.
    pub service: Box<str>,
    /// Only those with this tag.
    pub tag: Option<Box<str>>,
    /// Those of this datacenter; `None`: of the agent's own.
    pub datacenter: Option<Box<str>>,
    /// Only those whose checks all pass; otherwise the others are members, too, which are degraded or unhealthy.
    pub passing: bool,
    /// How long Consul holds an ask until something changes; zero: not at all.
    pub wait: Duration,
}

impl Consul {
    /// The path of the next ask.
    pub(super) fn path(&self, cursor: &Cursor) -> String {
        let mut path = format!("/v1/health/service/{}", percent_encoded(&self.service));
        let blocks = cursor.index > 0 && !self.wait.is_zero();
        let fields = [
            self.passing.then(|| "passing=1".to_owned()),
            self.tag.as_deref().map(|tag| format!("tag={}", percent_encoded(tag))),
            self.datacenter.as_deref().map(|name| format!("dc={}", percent_encoded(name))),
            blocks.then(|| format!("index={}&wait={}ms", cursor.index, self.wait.as_millis())),
        ];
        for (position, field) in fields.into_iter().flatten().enumerate() {
            path.push(if position == 0 { '?' } else { '&' });
            path.push_str(&field);
        }
        path
    }

    /// The list in this answer to an ask from `cursor` on.
    pub(super) fn read(cursor: &Cursor, answer: Answer<'_>) -> Result<Read, Refusal> {
        let document = read(answer.body)?;
        let entries = list(Some(document), "is no list")?;
        let listing =
            gathered(entries, |entry, gathered: &mut Gathered| gathered.add(member(entry))).finish();
        let index = answer.index.filter(|index| *index >= cursor.index).unwrap_or_default();
        Ok(Read::one(listing, Cursor { index, ..Cursor::default() }))
    }
}

/// One instance of the service, and the node that it is on.
fn member(entry: Value<'_>) -> Result<Member, NoMember> {
    let service = field(entry, "Service").filter(|value| value.is_object()).ok_or(NoMember::Malformed)?;
    let node = field(entry, "Node").filter(|value| value.is_object());
    let own = text(service, "Address").filter(|address| !address.is_empty());
    let address = own.or_else(|| text(node?, "Address")).ok_or(NoMember::Malformed)?;
    let port = number(field(service, "Port"))?.ok_or(NoMember::Malformed)?;
    let mut member = Member::at(&address, Some(port))?;
    member.standing = standing(entry)?;
    let share = if member.standing == Standing::Degraded { "Warning" } else { "Passing" };
    if let Some(weight) = number(field(service, "Weights").and_then(|weights| field(weights, share)))? {
        member.weigh(weight)?;
    }
    let locality = field(service, "Locality").or_else(|| field(node?, "Locality"));
    let place = |what| name(locality.and_then(|locality| field(locality, what)));
    (member.locality.region, member.locality.zone) = (place("Region")?, place("Zone")?);
    Ok(member)
}

/// The worst that its checks say, those of its node among them.
fn standing(entry: Value<'_>) -> Result<Standing, NoMember> {
    let checks =
        field(entry, "Checks").map(|checks| checks.elements().ok_or(NoMember::Malformed)).transpose()?;
    let mut said = checks.into_iter().flatten().map(|check| match text(check, "Status").as_deref() {
        Some("passing") => Ok(Standing::Healthy),
        Some("warning") => Ok(Standing::Degraded),
        Some("critical" | "maintenance") => Ok(Standing::Unhealthy),
        _ => Err(NoMember::Malformed),
    });
    said.try_fold(Standing::Healthy, |worst, said| Ok(worst.max(said?)))
}

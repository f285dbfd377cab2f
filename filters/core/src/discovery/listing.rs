//! A list of members while it is read: without repetitions, in one order, no longer than may be.
//!
//! Invariants: the members are sorted by priority and address, so that a source that tells them in another order tells nothing new; no
//! two have the same address or the same hash key; there are at most [`MOST_MEMBERS`], the first by that order, whatever the source's was.
//! Trade-off: while it is read twice as many are kept, so that a list of any length is sorted a bounded number of them at a time.

use super::member::{Member, NoMember};
use crate::sort::sort_by;
use core::cmp::Ordering;
use core::mem;
use hashbrown::{HashMap, HashSet};

/// The most members of a list.
pub const MOST_MEMBERS: usize = 5_000;

/// What a source tells of one upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The members, in order.
    pub members: Vec<Member>,
    /// Whether there are more than are kept.
    pub truncated: bool,
    /// What was not taken.
    pub skipped: Skipped,
}

/// Entries of a source that are no members, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Names of hosts: Envoy is given `ip:port`.
    pub host_names: u32,
    /// Pipes and Envoy's internal addresses.
    pub not_ip: u32,
    /// What is no address, or has a weight, a name or a place that cannot be.
    pub malformed: u32,
    /// Addresses that are there already.
    pub repeated: u32,
}

impl Skipped {
    /// All of them.
    pub fn total(self) -> u32 {
        let of_address = self.host_names.saturating_add(self.not_ip);
        of_address.saturating_add(self.malformed).saturating_add(self.repeated)
    }
}

/// Takes entries in, however many there are.
#[derive(Debug, Default)]
pub(super) struct Gathered(Listing);

impl Gathered {
    /// One entry of the source's.
    pub(super) fn add(&mut self, entry: Result<Member, NoMember>) {
        let skipped = &mut self.0.skipped;
        let count = match entry.and_then(Member::checked) {
            Ok(member) => {
                self.0.members.push(member);
                if self.0.members.len() >= 2 * MOST_MEMBERS {
                    self.settle();
                }
                return;
            }
            Err(NoMember::HostName) => &mut skipped.host_names,
            Err(NoMember::NotIp) => &mut skipped.not_ip,
            Err(NoMember::Malformed) => &mut skipped.malformed,
        };
        *count = count.saturating_add(1);
    }

    /// The source has more than it told.
    pub(super) fn has_more(&mut self) {
        self.0.truncated = true;
    }

    /// What there is, without repetitions, in order, and no more of it than may be.
    fn settle(&mut self) {
        let mut members = mem::take(&mut self.0.members);
        sort_by(&mut members, order);
        let before = members.len();
        let mut is_first = firsts(&members).into_iter();
        members.retain(|_| is_first.next().unwrap_or_default());
        let repeated = u32::try_from(before - members.len()).unwrap_or(u32::MAX);
        self.0.skipped.repeated = self.0.skipped.repeated.saturating_add(repeated);
        self.0.truncated |= members.len() > MOST_MEMBERS;
        members.truncate(MOST_MEMBERS);
        self.0.members = members;
    }

    /// All that was taken in.
    pub(super) fn finish(mut self) -> Listing {
        self.settle();
        let keeps = own_keys(&self.0.members);
        for (member, keeps) in self.0.members.iter_mut().zip(keeps) {
            member.hash_key = member.hash_key.take().filter(|_| keeps);
        }
        self.0
    }
}

/// Who is the first with its address.
fn firsts(members: &[Member]) -> Vec<bool> {
    let mut seen = HashSet::new();
    members.iter().map(|member| seen.insert(&*member.address)).collect()
}

/// Whose hash key is theirs alone: one of several would place them all on the same points, and an empty one says nothing.
fn own_keys(members: &[Member]) -> Vec<bool> {
    let mut bearers: HashMap<&str, u32> = HashMap::new();
    for key in members.iter().filter_map(|member| member.hash_key.as_deref()) {
        *bearers.entry(key).or_default() += 1;
    }
    let is_own = |key: &str| !key.is_empty() && bearers.get(key) == Some(&1);
    members.iter().map(|member| member.hash_key.as_deref().is_some_and(is_own)).collect()
}

/// By priority and address. What has both the same is told apart all the same, so that it does not matter which came first.
fn order(one: &Member, other: &Member) -> Ordering {
    let place = (one.priority, &one.address).cmp(&(other.priority, &other.address));
    let rest = |member: &Member| (member.weight, member.standing);
    place
        .then_with(|| rest(one).cmp(&rest(other)))
        .then_with(|| (&one.hash_key, &one.locality).cmp(&(&other.hash_key, &other.locality)))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn member(number: usize) -> Member {
        let address = format!("10.{}.{}.{}:80", number >> 16, number >> 8 & 255, number & 255);
        Member::at(&address, None).expect("an address")
    }

    fn gathered(members: impl IntoIterator<Item = Member>) -> Listing {
        let mut gathered = Gathered::default();
        members.into_iter().for_each(|member| gathered.add(Ok(member)));
        gathered.finish()
    }

    #[test]
    fn the_order_of_the_source_says_nothing() {
        let list = || (0..300).map(|number| Member { priority: (number % 3) as u32, ..member(number) });
        let one = gathered(list());
        assert_eq!(one, gathered(list().rev()));
        assert!(one.members.windows(2).all(|pair| order(&pair[0], &pair[1]) == Ordering::Less));
    }

    #[test]
    fn a_list_of_any_length_is_cut_to_the_same_members() {
        let all = 3 * MOST_MEMBERS + 7;
        let (one, other) = (gathered((0..all).map(member)), gathered((0..all).rev().map(member)));
        assert_eq!((one.members.len(), one.truncated), (MOST_MEMBERS, true));
        assert_eq!(one.members, other.members);
        assert!(!gathered((0..MOST_MEMBERS).map(member)).truncated);
    }

    #[test]
    fn an_address_is_there_once_with_its_highest_priority() {
        let twice = [Member { priority: 1, ..member(1) }, member(2), member(1)];
        let listing = gathered(twice);
        assert_eq!(listing.members, [member(1), member(2)]);
        assert_eq!((listing.skipped.repeated, listing.skipped.total()), (1, 1));
    }

    #[test]
    fn a_hash_key_of_several_is_nobodys() {
        let keyed = |number, key: &str| Member { hash_key: Some(key.into()), ..member(number) };
        let listing = gathered([keyed(1, "a"), keyed(2, "b"), keyed(3, "a"), keyed(4, "")]);
        let keys: Vec<_> = listing.members.iter().map(|member| member.hash_key.as_deref()).collect();
        assert_eq!(keys, [None, Some("b"), None, None]);
    }

    #[test]
    fn what_is_no_member_is_counted_by_why() {
        let mut gathered = Gathered::default();
        for why in [NoMember::HostName, NoMember::NotIp, NoMember::NotIp, NoMember::Malformed] {
            gathered.add(Err(why));
        }
        gathered.add(Ok(Member { hash_key: Some("x".repeat(256).into()), ..member(1) }));
        let skipped = gathered.finish().skipped;
        assert_eq!(skipped, Skipped { host_names: 1, not_ip: 2, malformed: 2, repeated: 0 });
    }
}

//! Endpoints that attempts go to and the document does not have, though it has their cluster.
//!
//! They are judged by nobody and never ejected, which must not be silent. Invariant: an address costs one host call, when it is met
//! first; so many addresses are remembered, and no more. Endpoints of clusters that nobody watches are none.

use hashbrown::HashMap;

/// So many addresses are remembered.
const MOST: usize = 64;

/// What was met under one plan.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    met: HashMap<Box<str>, Met>,
    has_news: bool,
}

#[derive(Debug, Default)]
struct Met {
    /// The upstream of the cluster that it was met in; `None`: no watched one.
    upstream: Option<usize>,
    /// Attempts that nobody has been told of.
    attempts: u64,
    told: bool,
}

impl Strangers {
    /// An attempt goes to `address`; `upstream` says which one its cluster serves, if that is watched.
    pub(crate) fn meet(&mut self, address: &str, upstream: impl FnOnce() -> Option<usize>) {
        let is_new = !self.met.contains_key(address);
        if is_new && self.met.len() >= MOST {
            return;
        }
        let met = self.met.entry_ref(address).or_default();
        if is_new {
            met.upstream = upstream();
        }
        if met.upstream.is_some() {
            met.attempts += 1;
            self.has_news = true;
        }
    }

    /// Whether there is something to tell.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news
    }

    /// Tells of whom there is something new to tell: the upstream, the address, how many attempts, and whether it is told the first
    /// time.
    pub(crate) fn tell(&mut self, mut tell: impl FnMut(usize, &str, u64, bool)) {
        if !core::mem::take(&mut self.has_news) {
            return;
        }
        for (address, met) in &mut self.met {
            let attempts = core::mem::take(&mut met.attempts);
            if let Some(upstream) = met.upstream.filter(|_| attempts > 0) {
                tell(upstream, address, attempts, !core::mem::replace(&mut met.told, true));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(strangers: &mut Strangers) -> Vec<(usize, String, u64, bool)> {
        let mut told = Vec::new();
        strangers.tell(|upstream, address, attempts, first| {
            told.push((upstream, address.to_owned(), attempts, first));
        });
        told
    }

    #[test]
    fn an_address_is_asked_for_once_and_told_of_while_attempts_go_there() {
        let mut strangers = Strangers::default();
        strangers.meet("a", || Some(1));
        strangers.meet("a", || Some(7));
        strangers.meet("b", || None);
        strangers.meet("b", || Some(7));
        assert_eq!(told(&mut strangers), [(1, "a".to_owned(), 2, true)]);
        assert!(told(&mut strangers).is_empty());
        strangers.meet("a", || None);
        assert_eq!(told(&mut strangers), [(1, "a".to_owned(), 1, false)]);
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let mut strangers = Strangers::default();
        (0..1_000).for_each(|address| strangers.meet(&address.to_string(), || Some(0)));
        assert_eq!(told(&mut strangers).len(), MOST);
    }
}

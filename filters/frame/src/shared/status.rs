//! What filters tell the status page in shared data when it happens: which configurations are in force, and what became of endpoints.
//!
//! Invariants: all of it is rare, so no request pays for it; whatever becomes of it, traffic goes on; what another version of Switchyard has written there stays.

use super::tables::Table;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::status::{Configurations, Told, Transitions};
use switchyard_host::{Clock, Properties, SharedData};

/// A root of this module has taken the document with this number.
pub fn accepted(
    module: &str,
    hash: u64,
    summary: &str,
    now: Timestamp,
    host: &(impl SharedData + Properties),
) {
    let root = root(host);
    change(module, host, |all| all.accept(&root, hash, summary, now));
}

/// A root of this module has refused a document, for this reason.
pub fn refused(module: &str, why: &str, host: &(impl SharedData + Properties + Clock)) {
    let (root, now) = (root(host), host.now().unwrap_or_default());
    change(module, host, |all| all.refuse(&root, why, now));
}

/// What the roots of this module have taken and refused.
pub fn configurations(module: &str, host: &impl SharedData) -> Configurations {
    Configurations::decode(&Table::of(&keys::configurations(module)).read(host)).unwrap_or_default()
}

/// Something became of an endpoint.
pub fn tell(told: &Told, host: &impl SharedData) {
    // One that is lost is in the log.
    let _ = Table::of(keys::TRANSITIONS).update(host, |bytes| {
        let Some(mut all) = Transitions::decode(bytes) else { return (None, ()) };
        all.add(told.clone());
        (all.encode(), ())
    });
}

/// What became of endpoints last.
pub fn transitions(host: &impl SharedData) -> Transitions {
    Transitions::decode(&Table::of(keys::TRANSITIONS).read(host)).unwrap_or_default()
}

fn change(module: &str, host: &impl SharedData, mut change: impl FnMut(&mut Configurations) -> bool) {
    let _ = Table::of(&keys::configurations(module)).update(host, |bytes| {
        let Some(mut all) = Configurations::decode(bytes) else { return (None, ()) };
        let changed = change(&mut all);
        (all.encode().filter(|_| changed), ())
    });
}

fn root(host: &impl Properties) -> String {
    let root = host.property(&["plugin_root_id"]).ok().flatten();
    root.and_then(|root| String::from_utf8(root).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use switchyard_core::health::Health;
    use switchyard_core::outlier::{EndpointKey, Transition};
    use switchyard_host::Status;
    use switchyard_host::fake::{FakeHost, SharedStore};

    #[test]
    fn what_all_threads_tell_of_one_configuration_counts_once() {
        let store = SharedStore::default();
        for thread in 0..3 {
            let host = FakeHost::with_shared(&store);
            host.set_property("plugin_root_id", b"shop");
            host.set_now(Timestamp::from_millis(thread));
            accepted("router", 7, "2 routes", Timestamp::from_millis(thread), &host);
            refused("router", "no such policy", &host);
        }
        let all = configurations("router", &FakeHost::with_shared(&store));
        let [one] = all.roots() else { panic!("{all:?}") };
        assert_eq!((&*one.root, one.accepted, one.refused), ("shop", 1, 1));
        assert_eq!(one.in_force.as_ref().map(|known| (known.hash, known.since.as_millis())), Some((7, 0)));
    }

    #[test]
    fn what_another_version_has_written_stays() {
        let host = FakeHost::default();
        let theirs = [2, 0, 0, 0];
        for key in [&*keys::configurations("router"), keys::TRANSITIONS] {
            host.set_shared_data(key, &theirs).expect("shared data");
        }
        accepted("router", 7, "2 routes", Timestamp::default(), &host);
        refused("router", "no", &host);
        let transition = Transition {
            key: EndpointKey(1),
            from: Health::Healthy,
            to: Health::HalfOpen,
            verdict: None,
            lasts: Duration::ZERO,
            times: 1,
        };
        tell(&Told::of(&transition, ("web", "10.0.0.1:80"), false, Timestamp::default()), &host);
        for key in [&*keys::configurations("router"), keys::TRANSITIONS] {
            let found = host.shared_data(key).expect("shared data").map(|shared| shared.value);
            assert_eq!(found.as_deref(), Some(&theirs[..]), "{key}");
        }
        assert!(configurations("router", &host).roots().is_empty());
        assert_eq!(transitions(&host).newest().count(), 0);
    }

    #[test]
    fn a_host_without_shared_data_stops_nothing() {
        let host = FakeHost::default();
        host.fail("proxy_get_shared_data", Status::InternalFailure);
        accepted("router", 7, "2 routes", Timestamp::default(), &host);
        refused("router", "no", &host);
        assert!(configurations("router", &host).roots().is_empty());
        assert_eq!(transitions(&host).newest().count(), 0);
    }
}

//! What the documents in force say of ejection, in shared data: written by the filter that takes a document in, read by outlier.wasm.
//!
//! Invariant: whoever sees a new [`number`] finds what it stands for, since that is written first. Trade-off: a table of its own has the
//! number, so that news about endpoints, which come often, do not have the settings read again.

use super::tables::{Table, announce};
use switchyard_core::contract::keys::{SETTINGS, SETTINGS_NUMBER};
use switchyard_core::outlier::{Part, Published};
use switchyard_host::SharedData;

/// All that is published; nothing if there is no shared data.
pub fn published(host: &impl SharedData) -> Published {
    Published::decode(&Table::of(SETTINGS).read(host))
}

/// A number that differs from the one before if something has been published since; `None`: nothing has been. One host call.
pub fn number(host: &impl SharedData) -> Option<u32> {
    host.shared_data(SETTINGS_NUMBER).ok().flatten().map(|shared| shared.cas)
}

/// Publishes what a document says, unless a newer one has its place; all workers are told.
pub fn publish(part: &Part, host: &impl SharedData) {
    let put = Table::of(SETTINGS).update(host, |bytes| {
        let mut published = Published::decode(bytes);
        let put = published.put(part);
        (put.then(|| published.encode()), put)
    });
    if put == Some(true) {
        // Without shared data there is no ejection either, and traffic goes on.
        let _ = host.set_shared_data(SETTINGS_NUMBER, &[]).and_then(|()| announce(host));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_core::Timestamp;
    use switchyard_core::outlier::{Settings, Watched};
    use switchyard_host::fake::FakeHost;

    #[test]
    fn what_is_published_once_is_told_once() {
        let host = FakeHost::default();
        let web = Watched {
            name: "web".into(),
            cluster: "web".into(),
            endpoints: Vec::new(),
            called: false,
            settings: Settings::default(),
        };
        let part = Part::new(b"router".to_vec(), 7, Timestamp::from_millis(1), &[web]);
        assert_eq!(number(&host), None);
        publish(&part, &host);
        let told = number(&host);
        assert!(told.is_some());
        publish(&part, &host);
        assert_eq!(number(&host), told);
        assert_eq!(published(&host).parts(), [part]);
    }

    #[test]
    fn a_host_without_shared_data_stops_nothing() {
        let host = FakeHost::default();
        host.fail("proxy_get_shared_data", switchyard_host::Status::InternalFailure);
        publish(&Part::new(Vec::new(), 7, Timestamp::default(), &[]), &host);
        assert_eq!((published(&host), number(&host)), (Published::default(), None));
    }
}

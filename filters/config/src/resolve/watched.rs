//! What of the document whoever judges attempts must know.

use super::Document;
use hashbrown::{HashMap, HashSet};
use switchyard_core::Endpoint;
use switchyard_core::health::Health;
use switchyard_core::outlier::{Watched, WatchedEndpoint};
use switchyard_core::retry::Engine;

/// Stands for more than one cluster.
const SEVERAL: Option<&str> = None;

impl Document {
    /// The upstreams with ejection, in order.
    pub fn watched(&self) -> Vec<Watched> {
        // The cluster of each address that an upstream with ejection has; upstreams without it count, too.
        let mut clusters: HashMap<&str, Option<&str>> = HashMap::new();
        let judged = self.upstreams().iter().filter(|one| one.outlier().is_some());
        for upstream in judged.clone() {
            for endpoint in upstream.endpoints().iter() {
                clusters.insert(&endpoint.address, Some(upstream.cluster()));
            }
        }
        for upstream in self.upstreams() {
            for endpoint in upstream.endpoints().iter() {
                if let Some(cluster) = clusters.get_mut(&*endpoint.address)
                    && *cluster != Some(upstream.cluster())
                {
                    *cluster = SEVERAL;
                }
            }
        }
        let called = self.called();
        let watched = judged.filter_map(|upstream| {
            let endpoint = |(index, endpoint): (usize, &Endpoint)| WatchedEndpoint {
                address: endpoint.address.clone(),
                ejected_by_hand: upstream.health(index) == Health::Withdrawn,
                elsewhere: clusters.get(&*endpoint.address) == Some(&SEVERAL),
            };
            Some(Watched {
                name: upstream.name().into(),
                cluster: upstream.cluster().into(),
                endpoints: upstream.endpoints().iter().enumerate().map(endpoint).collect(),
                called: called.contains(upstream.name()),
                settings: upstream.outlier()?.clone(),
            })
        });
        watched.collect()
    }

    /// The upstreams that retry.wasm and batch.wasm send calls of their own to.
    fn called(&self) -> HashSet<&str> {
        let mut called = HashSet::new();
        for route in self.routes() {
            let batched = route.batch().and_then(|batching| self.upstreams().get(batching.upstream()));
            called.extend(batched.map(|upstream| upstream.name()));
            let Some(retry) = route.retry() else { continue };
            if retry.engine == Engine::Filter {
                called.extend(route.targets().iter().map(|target| target.name()));
            }
            let fallback = retry.fallback.upstream.and_then(|index| self.upstreams().get(index));
            called.extend(fallback.map(|other| other.name()));
        }
        called
    }
}

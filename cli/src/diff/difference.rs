//! All that two documents do differently, what may hurt first.

use super::endpoints::{self, EndpointChange};
use super::keys::{self, MovedKeys};
use super::requests::{self, Rerouted};
use super::settings::{self, SettingChange, Settings};
use crate::decision::Prepared;
use anyhow::Result;
use serde::Serialize;

/// What two documents do differently.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Requests that go elsewhere; those that go nowhere any more first.
    pub requests: Vec<Rerouted>,
    /// Keys that move; of who moves most of them first.
    pub keys: Vec<MovedKeys>,
    /// Endpoints that are gone, have changed, or are new.
    pub endpoints: Vec<EndpointChange>,
    /// Upstreams and routes that are gone.
    pub removed: Vec<String>,
    /// Settings that have changed.
    pub settings: Vec<SettingChange>,
    /// Upstreams and routes that are new.
    pub added: Vec<String>,
    /// What could not be compared, and what makes no difference though it is written otherwise.
    pub notes: Vec<String>,
    /// How many requests were sent through both documents.
    pub samples: usize,
}

impl Difference {
    /// What `new` does other than `old`; so many keys are hashed.
    ///
    /// # Errors
    /// When the router refuses a document.
    pub fn between(old: &Prepared, new: &Prepared, keys: u32) -> Result<Self> {
        let mut difference = Self::default();
        if old.tree() == new.tree() {
            return Ok(difference);
        }
        (difference.requests, difference.samples) = requests::rerouted(old, new, &mut difference.notes);
        difference.keys = keys::moved(old, new, keys, &mut difference.notes)?;
        difference.endpoints = endpoints::changes(old, new);
        let Settings { changed, added, removed, is_reordered } = settings::compare(old, new);
        (difference.settings, difference.added, difference.removed) = (changed, added, removed);
        if is_reordered {
            difference.notes.push("the routes stand in another order".to_owned());
        }
        Ok(difference)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
            && self.keys.is_empty()
            && self.endpoints.is_empty()
            && self.removed.is_empty()
            && self.settings.is_empty()
            && self.added.is_empty()
            && self.notes.is_empty()
    }
}

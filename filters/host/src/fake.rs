//! A host that records every call: what native tests of the filters run on.
//!
//! It keeps what a real host would keep (request headers change when they are set) and counts calls by their
//! ABI name, so that a test can assert both the effect and its price.

use crate::{
    Clock, HeaderMap, HostError, MetricId, MetricSink, PluginConfiguration, Properties, RequestHeaders,
    ResponseHeaders, Status, Ticks,
};
use core::cell::{Cell, RefCell};
use core::time::Duration;
use hashbrown::HashMap;
use switchyard_core::Timestamp;

/// The state behind the fake; shared by reference, as the real host is by its functions.
#[derive(Debug, Default)]
pub struct FakeHost {
    request_headers: RefCell<Vec<(String, Vec<u8>)>>,
    response_headers: RefCell<Vec<(String, Vec<u8>)>>,
    properties: RefCell<HashMap<String, Vec<u8>>>,
    configuration: RefCell<Vec<u8>>,
    now: Cell<Timestamp>,
    tick_period: Cell<Duration>,
    metrics: RefCell<Vec<(String, u64)>>,
    calls: RefCell<HashMap<&'static str, u64>>,
    failing: RefCell<HashMap<&'static str, Status>>,
}

impl FakeHost {
    /// Replaces the request's headers: the next request.
    pub fn receive(&self, headers: &[(&str, &str)]) {
        let bytes = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        self.request_headers.replace(bytes.collect());
        self.response_headers.borrow_mut().clear();
    }

    /// What the request's header `name` is now; all its copies.
    pub fn request_header(&self, name: &str) -> Vec<String> {
        values(&self.request_headers, name)
    }

    /// What the response's header `name` is now; all its copies.
    pub fn response_header(&self, name: &str) -> Vec<String> {
        values(&self.response_headers, name)
    }

    /// Gives the stream a property, named with dots: `source.address`.
    pub fn set_property(&self, path: &str, value: &[u8]) {
        self.properties.borrow_mut().insert(path.to_owned(), value.to_vec());
    }

    /// Gives the plugin this configuration.
    pub fn set_configuration(&self, bytes: &[u8]) {
        self.configuration.replace(bytes.to_vec());
    }

    /// Moves the clock to `now`.
    pub fn set_now(&self, now: Timestamp) {
        self.now.set(now);
    }

    /// From now on the ABI function `call` answers `status`.
    pub fn fail(&self, call: &'static str, status: Status) {
        self.failing.borrow_mut().insert(call, status);
    }

    /// How often the ABI function `call` was called.
    pub fn calls(&self, call: &str) -> u64 {
        self.calls.borrow().get(call).copied().unwrap_or_default()
    }

    /// How many calls there were altogether since the last [`FakeHost::forget_calls`].
    pub fn all_calls(&self) -> u64 {
        self.calls.borrow().values().sum()
    }

    /// Starts counting calls anew.
    pub fn forget_calls(&self) {
        self.calls.borrow_mut().clear();
    }

    /// The value of a counter or gauge; 0 if it was never written.
    pub fn counter(&self, name: &str) -> u64 {
        self.metrics.borrow().iter().find(|(key, _)| key == name).map(|(_, value)| *value).unwrap_or_default()
    }

    /// The period of the ticks that the filter asked for.
    pub fn tick_period(&self) -> Duration {
        self.tick_period.get()
    }

    fn called(&self, call: &'static str) -> Result<(), HostError> {
        *self.calls.borrow_mut().entry(call).or_default() += 1;
        match self.failing.borrow().get(call) {
            Some(status) => Err(HostError { call, status: *status }),
            None => Ok(()),
        }
    }

    fn define(&self, name: &str) -> Result<MetricId, HostError> {
        self.called("proxy_define_metric")?;
        let mut metrics = self.metrics.borrow_mut();
        let position = metrics.iter().position(|(key, _)| key == name).unwrap_or(metrics.len());
        if position == metrics.len() {
            metrics.push((name.to_owned(), 0));
        }
        Ok(MetricId(u32::try_from(position).unwrap_or(u32::MAX)))
    }

    fn write(&self, id: MetricId, update: impl FnOnce(&mut u64)) {
        if let Some((_, value)) = self.metrics.borrow_mut().get_mut(usize::try_from(id.0).unwrap_or_default())
        {
            update(value);
        }
    }
}

fn values(headers: &RefCell<Vec<(String, Vec<u8>)>>, name: &str) -> Vec<String> {
    let headers = headers.borrow();
    headers
        .iter()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}

fn replace(headers: &RefCell<Vec<(String, Vec<u8>)>>, name: &str, value: &[u8]) {
    let mut headers = headers.borrow_mut();
    headers.retain(|(key, _)| key != name);
    headers.push((name.to_owned(), value.to_vec()));
}

impl RequestHeaders for FakeHost {
    fn request_headers(&self) -> Result<HeaderMap, HostError> {
        self.called("proxy_get_header_map_pairs")?;
        Ok(HeaderMap::from_pairs(self.request_headers.borrow().iter().cloned()))
    }

    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_replace_header_map_value")?;
        replace(&self.request_headers, name, value);
        Ok(())
    }

    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        self.called("proxy_remove_header_map_value")?;
        self.request_headers.borrow_mut().retain(|(key, _)| key != name);
        Ok(())
    }
}

impl ResponseHeaders for FakeHost {
    fn add_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_add_header_map_value")?;
        self.response_headers.borrow_mut().push((name.to_owned(), value.to_vec()));
        Ok(())
    }

    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_replace_header_map_value")?;
        replace(&self.response_headers, name, value);
        Ok(())
    }
}

impl Properties for FakeHost {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        self.called("proxy_get_property")?;
        Ok(self.properties.borrow().get(&path.join(".")).cloned())
    }
}

impl Clock for FakeHost {
    fn now(&self) -> Result<Timestamp, HostError> {
        self.called("proxy_get_current_time_nanoseconds").map(|()| self.now.get())
    }
}

impl MetricSink for FakeHost {
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError> {
        self.define(name)
    }

    fn define_gauge(&self, name: &str) -> Result<MetricId, HostError> {
        self.define(name)
    }

    fn increment(&self, id: MetricId, by: u64) -> Result<(), HostError> {
        self.called("proxy_increment_metric")?;
        self.write(id, |value| *value += by);
        Ok(())
    }

    fn record(&self, id: MetricId, value: u64) -> Result<(), HostError> {
        self.called("proxy_record_metric")?;
        self.write(id, |current| *current = value);
        Ok(())
    }
}

impl PluginConfiguration for FakeHost {
    fn plugin_configuration(&self) -> Result<Vec<u8>, HostError> {
        self.called("proxy_get_buffer_bytes").map(|()| self.configuration.borrow().clone())
    }
}

impl Ticks for FakeHost {
    fn set_tick_period(&self, period: Duration) -> Result<(), HostError> {
        self.called("proxy_set_tick_period_milliseconds")?;
        self.tick_period.set(period);
        Ok(())
    }
}

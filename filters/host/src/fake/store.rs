//! What the workers of a process share: data, metrics and queues, and the ports to them.

use super::FakeHost;
use crate::{HostError, MetricId, MetricSink, Queues, Shared, SharedData, Status};
use core::cell::RefCell;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;

/// The shared data and the metrics of a process: hosts made with the same store are its workers.
#[derive(Clone, Debug, Default)]
pub struct SharedStore {
    data: Rc<RefCell<(u32, HashMap<String, Shared>)>>,
    pub(super) metrics: Rc<RefCell<Vec<(String, u64)>>>,
    pub(super) queues: Rc<RefCell<Vec<Queue>>>,
}

/// A queue's name and what is in it.
pub(super) type Queue = (String, VecDeque<Vec<u8>>);

impl SharedStore {
    /// The store of another process for the same VM: no data of this one, but its metrics, which the VM has numbered.
    pub fn beside(&self) -> Self {
        Self { metrics: Rc::clone(&self.metrics), ..Self::default() }
    }

    /// The keys of its shared data that begin so.
    pub fn keys(&self, beginning: &str) -> Vec<String> {
        let data = self.data.borrow();
        data.1.keys().filter(|key| key.starts_with(beginning)).cloned().collect()
    }

    /// How many keys of shared data there are, and how many bytes they and their values have.
    pub fn size(&self) -> (usize, usize) {
        let data = self.data.borrow();
        (data.1.len(), data.1.iter().map(|(key, shared)| key.len() + shared.value.len()).sum())
    }

    /// How often anything was written into shared data.
    pub fn written(&self) -> u32 {
        self.data.borrow().0
    }

    /// The keys whose values were written since it had been written so often.
    pub fn written_since(&self, before: u32) -> Vec<String> {
        let data = self.data.borrow();
        data.1.iter().filter(|(_, shared)| shared.cas > before).map(|(key, _)| key.clone()).collect()
    }

    /// The sum of all counters and gauges whose names begin so.
    pub fn sum(&self, beginning: &str) -> u64 {
        let metrics = self.metrics.borrow();
        metrics.iter().filter(|(name, _)| name.starts_with(beginning)).map(|(_, value)| value).sum()
    }

    /// How many queues there are, and how many messages wait in them.
    pub fn mail(&self) -> (usize, usize) {
        let queues = self.queues.borrow();
        (queues.len(), queues.iter().map(|(_, messages)| messages.len()).sum())
    }

    /// Takes the message out of this queue that waits longest, though nobody reads it.
    pub fn steal(&self, queue: u32) -> Option<Vec<u8>> {
        let mut queues = self.queues.borrow_mut();
        queues.get_mut(usize::try_from(queue).ok()?.checked_sub(1)?)?.1.pop_front()
    }

    /// Puts a message behind the others in this queue, though no host was asked to.
    pub fn put(&self, queue: u32, message: Vec<u8>) {
        let mut queues = self.queues.borrow_mut();
        let position = usize::try_from(queue).ok().and_then(|queue| queue.checked_sub(1));
        if let Some((_, messages)) = position.and_then(|position| queues.get_mut(position)) {
            messages.push_back(message);
        }
    }

    /// Every counter and gauge is 0 again.
    pub fn reset_metrics(&self) {
        self.metrics.borrow_mut().iter_mut().for_each(|(_, value)| *value = 0);
    }
}

impl FakeHost {
    fn define(&self, name: &str) -> Result<MetricId, HostError> {
        self.called("proxy_define_metric")?;
        let mut metrics = self.shared.metrics.borrow_mut();
        let position = metrics.iter().position(|(key, _)| key == name).unwrap_or(metrics.len());
        if position == metrics.len() {
            metrics.push((name.to_owned(), 0));
        }
        Ok(MetricId(u32::try_from(position).unwrap_or(u32::MAX)))
    }

    fn write(&self, id: MetricId, update: impl FnOnce(&mut u64)) {
        if let Some((_, value)) =
            self.shared.metrics.borrow_mut().get_mut(usize::try_from(id.0).unwrap_or_default())
        {
            update(value);
        }
    }
}

impl SharedData for FakeHost {
    fn shared_data(&self, key: &str) -> Result<Option<Shared>, HostError> {
        self.called("proxy_get_shared_data")?;
        Ok(self.shared.data.borrow().1.get(key).cloned())
    }

    fn set_shared_data(&self, key: &str, value: &[u8]) -> Result<(), HostError> {
        self.called("proxy_set_shared_data")?;
        let (last, values) = &mut *self.shared.data.borrow_mut();
        *last += 1;
        values.insert(key.to_owned(), Shared { value: value.to_vec(), cas: *last });
        Ok(())
    }

    fn swap_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, HostError> {
        let current = self.shared.data.borrow().1.get(key).map(|shared| shared.cas);
        if current.is_some_and(|current| current != cas) {
            return self.called("proxy_set_shared_data").map(|()| false);
        }
        self.set_shared_data(key, value).map(|()| true)
    }
}

impl Queues for FakeHost {
    fn register_queue(&self, name: &str) -> Result<u32, HostError> {
        self.called("proxy_register_shared_queue")?;
        let mut queues = self.shared.queues.borrow_mut();
        let known = queues.iter().position(|(known, _)| known == name);
        let position = known.unwrap_or(queues.len());
        if known.is_none() {
            queues.push((name.to_owned(), VecDeque::new()));
        }
        // As the host's, ids begin at 1.
        let queue = u32::try_from(position + 1).unwrap_or(u32::MAX);
        self.registered.borrow_mut().push(queue);
        Ok(queue)
    }

    fn enqueue(&self, queue: u32, message: &[u8]) -> Result<(), HostError> {
        let call = "proxy_enqueue_shared_queue";
        self.called(call)?;
        let mut queues = self.shared.queues.borrow_mut();
        let queue = usize::try_from(queue).ok().and_then(|queue| queues.get_mut(queue.checked_sub(1)?));
        let (_, messages) = queue.ok_or(HostError { call, status: Status::NotFound })?;
        messages.push_back(message.to_vec());
        Ok(())
    }

    fn dequeue(&self, queue: u32) -> Result<Option<Vec<u8>>, HostError> {
        let call = "proxy_dequeue_shared_queue";
        self.called(call)?;
        let mut queues = self.shared.queues.borrow_mut();
        let queue = usize::try_from(queue).ok().and_then(|queue| queues.get_mut(queue.checked_sub(1)?));
        let (_, messages) = queue.ok_or(HostError { call, status: Status::NotFound })?;
        Ok(messages.pop_front())
    }
}

impl MetricSink for FakeHost {
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError> {
        self.define(name)
    }

    fn define_gauge(&self, name: &str) -> Result<MetricId, HostError> {
        self.define(name)
    }

    fn define_histogram(&self, name: &str) -> Result<MetricId, HostError> {
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

    fn metric_value(&self, id: MetricId) -> Result<u64, HostError> {
        let call = "proxy_get_metric";
        self.called(call)?;
        let metrics = self.shared.metrics.borrow();
        let known = metrics.get(usize::try_from(id.0).unwrap_or_default());
        known.map(|(_, value)| *value).ok_or(HostError { call, status: Status::NotFound })
    }
}

//! What a host has of a worker: its streams, its queue, and what it is to do when a callback is over.
//!
//! Streams are touched by callbacks of the root that may act, and only while they live.

use super::outside::Outside;
use hashbrown::HashMap;

/// A worker without what its filter has in it.
pub(crate) struct House {
    pub(crate) queue: u32,
    /// A message that wakes the root is under way.
    pub(crate) woken: bool,
    /// Streams by their number in this VM.
    pub(crate) streams: HashMap<u32, usize>,
    /// The number of the last one.
    number: u32,
    /// This is a callback of the root that may act.
    pub(crate) acting: bool,
    /// What the host does when the callback is over.
    pub(crate) resumed: Vec<usize>,
    pub(crate) replied: Vec<usize>,
}

impl House {
    pub(crate) fn new(queue: u32) -> Self {
        Self {
            queue,
            woken: false,
            streams: HashMap::new(),
            number: 1,
            acting: false,
            resumed: Vec::new(),
            replied: Vec::new(),
        }
    }

    /// A stream begins, and gets a number.
    pub(crate) fn begins(&mut self, id: usize) -> u32 {
        self.number += 2;
        self.streams.insert(self.number, id);
        self.number
    }

    /// The stream that the root touches.
    pub(crate) fn stream(&self, number: u32) -> usize {
        assert!(self.acting, "only callbacks of the root touch streams");
        *self.streams.get(&number).expect("no dead stream is touched")
    }

    /// The callback is over: who is let go now, and who is answered.
    pub(crate) fn end_callback(&mut self) -> (Vec<usize>, Vec<usize>) {
        self.acting = false;
        (core::mem::take(&mut self.resumed), core::mem::take(&mut self.replied))
    }

    /// There is work for the root.
    pub(crate) fn wake<E>(&mut self, outside: &mut Outside<E>) {
        if !self.woken {
            self.woken = outside.send(self.queue, &[]);
        }
    }
}

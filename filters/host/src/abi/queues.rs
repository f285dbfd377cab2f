//! Queues between VMs.

use super::*;

impl Queues for Hostcalls {
    fn register_queue(&self, name: &str) -> Result<u32, HostError> {
        let mut id = 0;
        // SAFETY: the name is a live slice, the id a live u32.
        let status = unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &mut id) };
        check("proxy_register_shared_queue", status).map(|()| id)
    }

    fn enqueue(&self, queue: u32, message: &[u8]) -> Result<(), HostError> {
        // SAFETY: pointer and length come from a live slice; the host copies it before it returns.
        let status = unsafe { proxy_enqueue_shared_queue(queue, message.as_ptr(), message.len()) };
        check("proxy_enqueue_shared_queue", status)
    }

    fn dequeue(&self, queue: u32) -> Result<Option<Vec<u8>>, HostError> {
        // SAFETY: both out-pointers are live.
        let found = buffer("proxy_dequeue_shared_queue", |data, size| unsafe {
            proxy_dequeue_shared_queue(queue, data, size)
        });
        match found {
            Ok(message) => Ok(Some(message)),
            Err(HostError { status: Status::Empty, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

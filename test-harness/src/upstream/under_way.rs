//! How many requests an upstream has under way, and the most it had at a time: what a cap on releases is judged by.
//!
//! Invariant: a request is under way from its arrival until the last of its answer has been handed to the connection,
//! or its caller has given up. Trade-off: bytes that are still in a socket's buffer count as delivered.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::body::Body;

/// Requests now, and the most at a time.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<(u64, u64)>);

impl UnderWay {
    /// One more, until the turn is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Turn {
        self.change(|(now, most)| (now + 1, most.max(now + 1)));
        Turn(Arc::clone(self))
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn most(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Begins again: the most so far is what there is now.
    pub(crate) fn forget(&self) {
        self.change(|(now, _)| (now, now));
    }

    fn change(&self, change: impl FnOnce((u64, u64)) -> (u64, u64)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts = change(*counts);
    }
}

/// One request's time under way.
pub(crate) struct Turn(Arc<UnderWay>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.change(|(now, most)| (now.saturating_sub(1), most));
    }
}

/// A body, and the turn that ends with it. The control path's answers have none.
pub(crate) struct Attended {
    pub(crate) body: Body,
    pub(crate) _turn: Option<Turn>,
}

impl HttpBody for Attended {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use crate::load::Client;
    use crate::upstream::{Behaviour, Upstream};
    use crate::wait;

    #[tokio::test]
    async fn a_request_is_under_way_until_it_is_answered_or_given_up() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        upstream.behave(Behaviour::Stall).await?;
        for client in [Client::to(upstream.address()), Client::http2(upstream.address())] {
            upstream.forget();
            let stalled: Vec<_> = (0..3).map(|_| tokio::spawn(client.get("/").send())).collect();
            let all = async || Ok((upstream.under_way() == 3).then_some(()));
            wait::until("three requests", wait::DEADLINE, all).await?;
            stalled.iter().for_each(tokio::task::JoinHandle::abort);
            let none = async || Ok((upstream.under_way() == 0).then_some(()));
            wait::until("their ends", wait::DEADLINE, none).await?;
            upstream.behave_next(1, Behaviour::default());
            client.get("/").send().await?;
            assert_eq!((upstream.most_at_a_time(), upstream.count()), (3, 4));
        }
        upstream.forget();
        assert_eq!(upstream.most_at_a_time(), upstream.under_way());
        Ok(())
    }
}

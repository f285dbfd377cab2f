//! Bodies that arrive whole, in drops, in part, or not at all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::HeaderMap;
use tokio::time::{Interval, MissedTickBehavior};

/// The body of an upstream's answer.
pub(crate) enum Body {
    Whole(Option<Bytes>),
    Drip {
        left: usize,
        piece: usize,
        ticks: Interval,
    },
    /// The part that is sent, then one turn in which hyper writes it out, then the break.
    Truncated {
        part: Option<Bytes>,
        flushed: bool,
    },
    Message {
        data: Option<Bytes>,
        trailers: Option<HeaderMap>,
    },
    Events {
        next: u64,
        left: u64,
        ticks: Interval,
    },
}

impl Body {
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Whole(Some(text.into()))
    }

    pub(super) fn drip(total: usize, piece: usize, every_ms: u64) -> Self {
        Self::Drip { left: total, piece: piece.max(1), ticks: ticks(every_ms) }
    }

    pub(super) fn events(total: u64, every_ms: u64) -> Self {
        Self::Events { next: 0, left: total, ticks: ticks(every_ms) }
    }

    /// The part that is sent of an answer that is longer.
    pub(crate) fn truncated(part: Bytes) -> Self {
        Self::Truncated { part: Some(part), flushed: false }
    }
}

fn ticks(every_ms: u64) -> Interval {
    let mut ticks = tokio::time::interval(Duration::from_millis(every_ms.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Drip { left: 0, .. } => Poll::Ready(None),
            Self::Drip { left, piece, ticks } => {
                ready!(ticks.poll_tick(context));
                let size = (*piece).min(*left);
                *left -= size;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'.'; size])))))
            }
            Self::Truncated { part, flushed } => match part.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None if !*flushed => {
                    *flushed = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                None => Poll::Ready(Some(Err(io::Error::other("truncated, as told")))),
            },
            Self::Message { data, trailers } => {
                let message = data.take().map(Frame::data);
                Poll::Ready(message.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
            Self::Events { left: 0, .. } => Poll::Ready(None),
            Self::Events { next, left, ticks } => {
                ready!(ticks.poll_tick(context));
                let event = format!("data: {next}\n\n");
                (*next, *left) = (*next + 1, *left - 1);
                Poll::Ready(Some(Ok(Frame::data(event.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(
            self,
            Self::Whole(None)
                | Self::Drip { left: 0, .. }
                | Self::Message { data: None, trailers: None }
                | Self::Events { left: 0, .. }
        )
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, Bytes::len) as u64),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::load::Client;
    use crate::upstream::{Behaviour, Upstream};

    #[tokio::test]
    async fn events_come_in_order_over_http1_and_http2() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        upstream.behave(Behaviour::Sse { events: 3, every_ms: 1 }).await?;
        for client in [Client::to(upstream.address()), Client::http2(upstream.address())] {
            let stream = client.get("/").send().await?;
            assert_eq!(stream.header("content-type"), "text/event-stream");
            assert_eq!(stream.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
        }
        Ok(())
    }
}

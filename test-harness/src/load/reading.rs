//! An answer that a test reads by hand, piece by piece, or not at all: a slow client.
//!
//! Invariant: nothing is taken from the connection but what [`Reading::next`] asked for and the client's buffers hold.
//! Those and the kernel's take megabytes, so a client that is to hold up its sender is one with
//! [`super::Client::with_small_buffers`].

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::HeaderMap;

use super::Response;
use super::connection::Connection;

/// An answer whose headers have arrived. Dropping it closes the connection; with HTTP/2 it resets the stream.
#[must_use = "dropping it ends the request"]
pub struct Reading {
    /// The status code.
    pub status: StatusCode,
    /// All headers, duplicates too.
    pub headers: HeaderMap,
    trailers: HeaderMap,
    body: Incoming,
    /// HTTP/1.1 only. It is not used again: its client may leave the body unread.
    _connection: Option<Connection>,
}

impl Reading {
    pub(super) fn of(response: hyper::Response<Incoming>, connection: Option<Connection>) -> Self {
        let (head, body) = response.into_parts();
        let trailers = HeaderMap::new();
        Self { status: head.status, headers: head.headers, trailers, body, _connection: connection }
    }

    /// Waits for the next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// If the answer breaks off.
    pub async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            match frame.context("the body broke off")?.into_data() {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(frame) => self.trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
        }
        Ok(None)
    }

    /// Reads on to the end; the body is what had not been read before.
    ///
    /// # Errors
    /// If the answer breaks off.
    pub async fn rest(mut self) -> anyhow::Result<Response> {
        let mut body = BytesMut::new();
        while let Some(piece) = self.next().await? {
            body.extend_from_slice(&piece);
        }
        let Self { status, headers, trailers, .. } = self;
        Ok(Response { status, headers, body: body.freeze(), trailers })
    }
}

#[cfg(test)]
mod tests {
    use crate::load::Client;
    use crate::upstream::{Behaviour, Upstream};
    use crate::wait;

    const LARGE: usize = 5 << 20;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_stops_reading_holds_up_its_sender_until_it_reads_on() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        upstream.behave(Behaviour::Drip { bytes: 16 << 10, every_ms: 1, total: LARGE }).await?;
        for client in [Client::to(upstream.address()), Client::http2(upstream.address())] {
            let mut reading = client.clone().with_small_buffers().get("/").open().await?;
            let first = reading.next().await?.expect("a piece");
            assert_eq!((reading.status.as_u16(), upstream.under_way()), (200, 1));
            // The same body, asked for later by a client that reads, is there first.
            assert_eq!(client.get("/").send().await?.body.len(), LARGE);
            assert_eq!(upstream.under_way(), 1);
            assert_eq!(reading.rest().await?.body.len(), LARGE - first.len());
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_client_that_goes_away_in_mid_body_ends_its_request() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        upstream.behave(Behaviour::Drip { bytes: 1, every_ms: 1, total: LARGE }).await?;
        for client in [Client::to(upstream.address()), Client::http2(upstream.address())] {
            let mut reading = client.get("/").open().await?;
            assert!(reading.next().await?.is_some());
            drop(reading);
            let gone = async || Ok((upstream.under_way() == 0).then_some(()));
            wait::until("the upstream to notice", wait::DEADLINE, gone).await?;
        }
        Ok(())
    }
}

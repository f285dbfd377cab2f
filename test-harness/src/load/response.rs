//! What a client got.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};

use super::grpc;

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// All headers, duplicates too.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The trailers; none if the answer ended without.
    pub trailers: HeaderMap,
}

impl Response {
    /// Reads an answer to its end.
    pub(super) async fn read(response: hyper::Response<Incoming>) -> anyhow::Result<Self> {
        let (head, body) = response.into_parts();
        let body = body.collect().await.context("the body broke off")?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        Ok(Self { status: head.status, headers: head.headers, body: body.to_bytes(), trailers })
    }

    /// The first value of a header, or `""` if it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The name of the upstream that answered (`x-upstream`), `""` if none did.
    #[must_use]
    pub fn upstream(&self) -> &str {
        self.header(crate::upstream::NAME_HEADER)
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `grpc-status` of the trailers, else of the headers. One that is no number is 2 (unknown), as gRPC's
    /// clients have it.
    #[must_use]
    pub fn grpc_status(&self) -> Option<u8> {
        let status = self.trailer_or_header("grpc-status")?;
        Some(status.to_str().ok().and_then(|status| status.parse().ok()).unwrap_or(2))
    }

    /// The `grpc-message` of the trailers, else of the headers, still percent-encoded; `""` if there is none.
    #[must_use]
    pub fn grpc_message(&self) -> &str {
        self.trailer_or_header("grpc-message").and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The messages in the body, without their frames. One that is cut off is left out.
    #[must_use]
    pub fn grpc_messages(&self) -> Vec<Bytes> {
        grpc::messages(&self.body)
    }

    fn trailer_or_header(&self, name: &str) -> Option<&HeaderValue> {
        self.trailers.get(name).or_else(|| self.headers.get(name))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use crate::load::Client;
    use crate::upstream::{Behaviour, Upstream};

    #[tokio::test]
    async fn trailers_of_http1_arrive_and_an_answer_without_has_none() -> anyhow::Result<()> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let client = Client::to(listener.local_addr()?);
        let serve = async || {
            let (mut stream, _) = listener.accept().await?;
            for answer in [
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-end: yes\r\n\r\n",
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
            ] {
                assert!(stream.read(&mut [0; 1024]).await? > 0);
                stream.write_all(answer.as_bytes()).await?;
            }
            anyhow::Ok(stream)
        };
        let ask = async || anyhow::Ok((client.get("/").send().await?, client.get("/").send().await?));
        let (_open, (with, without)) = tokio::try_join!(serve(), ask())?;
        assert_eq!((with.text().as_str(), &with.trailers["x-end"]), ("hi", &"yes".parse()?));
        assert_eq!((without.text().as_str(), without.trailers.len()), ("hi", 0));
        Ok(())
    }

    #[tokio::test]
    async fn a_grpc_call_gets_messages_and_status_from_trailers_or_headers() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        let client = Client::http2(upstream.address());
        let told = |status, trailers, data: Option<&str>| {
            let (message, data) = ("so%21".to_owned(), data.map(str::to_owned));
            upstream.behave(Behaviour::GrpcStatus { status, message, trailers, data })
        };
        told(0, true, Some("hello")).await?;
        let fine = client.grpc("/shop.Cart/Add", b"\0tea").header("grpc-timeout", "1S").send().await?;
        assert_eq!((fine.grpc_status(), fine.grpc_message()), (Some(0), "so%21"));
        assert_eq!((fine.grpc_messages(), fine.header("grpc-status")), (vec!["hello".into()], ""));
        told(14, true, None).await?;
        let trailers = client.grpc("/shop.Cart/Add", b"").send().await?;
        assert_eq!((trailers.grpc_status(), trailers.body.len()), (Some(14), 0));
        told(8, false, None).await?;
        let headers = client.grpc("/shop.Cart/Add", b"").send().await?;
        assert_eq!((headers.grpc_status(), headers.trailers.len()), (Some(8), 0));
        let call = &upstream.requests()[0];
        assert_eq!((call.method.as_str(), call.body.as_str()), ("POST", "\0\0\0\0\x04\0tea"));
        assert_eq!(
            (call.header("content-type"), call.header("te")),
            (Some("application/grpc"), Some("trailers"))
        );
        assert_eq!(call.header("grpc-timeout"), Some("1S"));
        upstream.behave(Behaviour::default()).await?;
        assert_eq!(client.get("/").send().await?.grpc_status(), None);
        Ok(())
    }
}

//! HTTP/1.1 as an endpoint reads and writes it by hand, since some of what it writes is none.
//!
//! Trade-off: it reads what Envoy writes, and no more of the protocol.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::truth::Heard;

/// Nobody sends more.
const MOST: usize = 4 << 20;

/// A connection with what was read of it and not taken yet.
pub(super) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// How a request's body ends.
enum Length {
    Bytes(usize),
    Chunked,
}

/// A request whose body is still to be read.
pub(super) struct Head {
    pub(super) heard: Heard,
    length: Length,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it answers are late.
        let _ = stream.set_nodelay(true);
        Self { stream, read: Vec::new() }
    }

    /// The next request; `None` at the end of the connection.
    pub(super) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                let text = String::from_utf8_lossy(self.read.get(..end).unwrap_or_default()).into_owned();
                self.read.drain(..end + 4);
                return Ok(Some(head(&text)));
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    pub(super) async fn body(&mut self, length: &Head) -> io::Result<Vec<u8>> {
        match length.length {
            Length::Bytes(bytes) => self.take(bytes).await,
            Length::Chunked => {
                let mut body = Vec::new();
                loop {
                    let line = self.line().await?;
                    let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
                    match size.map_err(|_| io::ErrorKind::InvalidData)? {
                        0 => break,
                        size => body.extend(self.take(size).await?),
                    }
                    self.line().await?;
                }
                while !self.line().await?.is_empty() {}
                Ok(body)
            }
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits until the other side has gone.
    pub(super) async fn gone(&mut self) {
        while self.more().await.unwrap_or(false) {}
    }

    /// Ends the connection with RST instead of FIN.
    pub(super) fn reset(self) {
        // Without it the connection ends with FIN, which callers take for a failure, too.
        let _ = self.stream.set_zero_linger();
    }

    async fn more(&mut self) -> io::Result<bool> {
        if self.read.len() > MOST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(self.stream.read_buf(&mut self.read).await? > 0)
    }

    async fn take(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < bytes {
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.read.drain(..bytes).collect())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.read, b"\r\n") {
                let line = self.take(end + 2).await?;
                return Ok(String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned());
            }
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn head(text: &str) -> Head {
    let mut lines = text.split("\r\n");
    let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    let mut heard = Heard { path, ..Heard::default() };
    let mut length = Length::Bytes(0);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match name {
            "authorization" => value.clone_into(&mut heard.who),
            "x-correlation-id" => heard.by = value.parse().unwrap_or_default(),
            "content-length" => length = Length::Bytes(value.parse().unwrap_or_default()),
            "transfer-encoding" => length = Length::Chunked,
            _ => {}
        }
    }
    Head { heard, length }
}

/// The head of an answer; without a length its body is chunked.
pub(super) fn answer_head(status: u16, headers: &[(String, String)], length: Option<usize>) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} said\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    match length {
        Some(length) => text.push_str(&format!("content-length: {length}\r\n\r\n")),
        None => text.push_str("transfer-encoding: chunked\r\n\r\n"),
    }
    text.into_bytes()
}

/// A chunk of a body.
pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

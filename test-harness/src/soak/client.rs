//! Clients: HTTP/1.1, HTTP/2 and gRPC, that wait for their answers, or do not.
//!
//! Invariant: a request ends in one of four ways ([`Seen`]), and by itself: whoever waits for longer than [`PATIENCE`] counts as hanging.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ask::Ask;
use super::manner::Manner;
use super::oracle::{Answer, Seen};
use super::sky::pass;
use super::truth::mixed;
use super::wire::Wire;
use crate::load::{Client, Reading, Response};

/// More than Envoy's route gives a request, what filters add to that, and what the script stops Envoy for.
const PATIENCE: Duration = Duration::from_secs(40);
/// Connections of HTTP/2 that requests are spread over.
const MULTIPLEXED: usize = 8;

/// The clients of one address.
#[derive(Clone)]
pub(super) struct Clients {
    address: SocketAddr,
    http1: Client,
    http2: Vec<Client>,
}

impl Clients {
    pub(super) fn of(address: SocketAddr) -> Self {
        let http2 = (0..MULTIPLEXED).map(|_| Client::http2(address)).collect();
        Self { address, http1: Client::to(address), http2 }
    }

    fn of_request(&self, ask: &Ask) -> &Client {
        let place = mixed(&[ask.id]) as usize;
        let multiplexed = ask.kind.is_grpc() || place.is_multiple_of(2);
        let one = multiplexed.then(|| self.http2.get(place / 2 % MULTIPLEXED)).flatten();
        one.unwrap_or(&self.http1)
    }

    /// Sends it in this manner; what was seen of its answer.
    pub(super) async fn send(&self, ask: &Ask, manner: Option<Manner>) -> Seen {
        let whole = self.in_manner(ask, manner);
        timeout(PATIENCE, whole).await.unwrap_or(Seen::Hung)
    }

    async fn in_manner(&self, ask: &Ask, manner: Option<Manner>) -> Seen {
        let request = ask.request(self.of_request(ask));
        match manner {
            None | Some(Manner::Burst(_)) => match request.send().await {
                Ok(response) => Seen::Answer(answer(ask, &response)),
                Err(error) => Seen::Broken(None, format!("{error:#}")),
            },
            Some(Manner::Leaves(most)) => {
                let time = Duration::from_millis(mixed(&[ask.id, 1]) % u64::from(most.max(1)));
                match timeout(time, request.send()).await {
                    Ok(Ok(response)) => Seen::Answer(answer(ask, &response)),
                    Ok(Err(error)) => Seen::Broken(None, format!("{error:#}")),
                    Err(_) => Seen::Left(None),
                }
            }
            Some(Manner::SendsHalf | Manner::SendsSlowly) if ask.kind.is_grpc() => Seen::Left(None),
            Some(Manner::SendsHalf) => self.half(ask).await,
            Some(Manner::SendsSlowly) => match self.slowly(ask).await {
                Ok(answer) => Seen::Answer(answer),
                Err(error) => Seen::Broken(None, format!("{error:#}")),
            },
            Some(manner) => match request.open().await {
                Ok(reading) => read(reading, manner).await,
                Err(error) => Seen::Broken(None, format!("{error:#}")),
            },
        }
    }

    async fn half(&self, ask: &Ask) -> Seen {
        let sent = async {
            let text = written(ask);
            let mut wire = Wire::new(TcpStream::connect(self.address).await?);
            wire.write(text.get(..text.len() / 2).unwrap_or_default()).await?;
            pass(Duration::from_millis(mixed(&[ask.id, 2]) % 20)).await;
            anyhow::Ok(())
        };
        // Whether it came so far is all the same: nobody waits for an answer.
        let _ = sent.await;
        Seen::Left(None)
    }

    async fn slowly(&self, ask: &Ask) -> anyhow::Result<Answer> {
        let text = written(ask);
        let mut wire = Wire::new(TcpStream::connect(self.address).await?);
        for piece in text.chunks(text.len().div_ceil(4).max(1)) {
            wire.write(piece).await?;
            pass(Duration::from_millis(10)).await;
        }
        let head = wire.head().await?.context("no answer")?;
        // The second word of the first line, which a request has its path in.
        let status = head.heard.path.parse::<u16>().context("no status")?;
        Ok(Answer { status, body: wire.body(&head).await?, ..Answer::default() })
    }
}

/// HTTP/1.1 by hand.
fn written(ask: &Ask) -> Vec<u8> {
    let mut text =
        format!("{} {} HTTP/1.1\r\nhost: harness.test\r\nconnection: close\r\n", ask.method, ask.path);
    for (name, value) in ask.headers() {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !ask.body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", ask.body.len()));
    }
    text.push_str("\r\n");
    [text.as_bytes(), &ask.body].concat()
}

fn answer(ask: &Ask, response: &Response) -> Answer {
    let body = match ask.kind.is_grpc() {
        true => response.grpc_messages().first().map(|message| message.to_vec()).unwrap_or_default(),
        false => response.body.to_vec(),
    };
    let (status, headers) = (response.status.as_u16(), response.headers.clone());
    Answer { status, headers, body, grpc: response.grpc_status() }
}

/// Reads some of it.
async fn read(mut reading: Reading, manner: Manner) -> Seen {
    let mut answer =
        Answer { status: reading.status.as_u16(), headers: reading.headers.clone(), ..Answer::default() };
    if manner == Manner::LeavesAtHead {
        return Seen::Left(Some(answer));
    }
    loop {
        match reading.next().await {
            Ok(Some(piece)) => answer.body.extend_from_slice(&piece),
            // Of gRPC the status is in trailers, which are not read here.
            Ok(None) if answer.headers.get("content-type").is_some_and(|kind| kind == "application/grpc") => {
                return Seen::Left(None);
            }
            Ok(None) => return Seen::Answer(answer),
            Err(error) => return Seen::Broken(Some(answer), format!("{error:#}")),
        }
        if manner == Manner::LeavesInBody {
            return Seen::Left(Some(answer));
        }
        pass(Duration::from_millis(10)).await;
    }
}

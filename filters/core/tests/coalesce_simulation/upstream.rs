//! Upstreams: what they answer, piece by piece. Every answer says whose it is, so that one that goes astray is known.

use crate::simulation::draws::one;
use core::time::Duration;
use fastrand::Rng;
use switchyard_core::RequestView;
use switchyard_core::request::PlainRequest;

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Shareable,
    /// By the header `user-agent`.
    Varies,
    Private,
    NoStore,
    SetsCookie,
    VariesByMore,
    Moved,
    Partial,
    HasTrailers,
    /// Events, one after the other.
    Streams,
    Fails,
    /// In the middle.
    BreaksOff,
    StandsStill,
    TakesLong,
    /// For twenty seconds.
    NeverComes,
}

pub(crate) const KINDS: [Kind; 15] = [
    Kind::Shareable,
    Kind::Varies,
    Kind::Private,
    Kind::NoStore,
    Kind::SetsCookie,
    Kind::VariesByMore,
    Kind::Moved,
    Kind::Partial,
    Kind::HasTrailers,
    Kind::Streams,
    Kind::Fails,
    Kind::BreaksOff,
    Kind::StandsStill,
    Kind::TakesLong,
    Kind::NeverComes,
];

impl Kind {
    /// Any, good ones more often.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        match rng.u8(0..10) {
            0..4 => Self::Shareable,
            4 => Self::Varies,
            5 => Self::Fails,
            6 => Self::Private,
            _ => one(&KINDS, rng),
        }
    }

    /// Whether its answer may be given to others, if it is whole.
    pub(crate) fn is_for_all(self) -> bool {
        matches!(
            self,
            Self::Shareable | Self::Varies | Self::StandsStill | Self::TakesLong | Self::NeverComes
        )
    }

    fn status(self) -> u16 {
        match self {
            Self::Moved => 302,
            Self::Fails => 503,
            _ => 200,
        }
    }
}

/// What comes next of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Head,
    Piece,
    Trailers,
    Break,
    Over,
}

/// A request to an upstream, and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
    /// How much of the body has come.
    pub(crate) sent: usize,
    piece: usize,
    pub(crate) stage: Stage,
    /// The filter copies it.
    pub(crate) captured: bool,
    head: PlainRequest,
}

impl Exchange {
    /// An answer of this kind to `request`; `serial` tells exchanges apart.
    pub(crate) fn new(kind: Kind, request: &PlainRequest, serial: usize, rng: &mut Rng) -> Self {
        let mut body = format!("{serial}:{}", whose(request, kind == Kind::Varies)).into_bytes();
        body.resize(body.len() + one(&[0, 0, 50, 700], rng), b'.');
        if request.method() == b"HEAD" {
            body.clear();
        }
        let piece = one(&[16, 100, 1 << 20], rng);
        let head = head(kind, request, serial);
        Self { kind, body, sent: 0, piece, stage: Stage::Head, captured: false, head }
    }

    /// Status and headers.
    pub(crate) fn head(&self) -> (u16, PlainRequest) {
        (self.kind.status(), self.head.clone())
    }

    /// Its head has come. Whether that is all.
    pub(crate) fn begins(&mut self) -> bool {
        let whole = self.body.is_empty() && !matches!(self.kind, Kind::HasTrailers | Kind::BreaksOff);
        self.stage = match () {
            () if whole => Stage::Over,
            () if !self.body.is_empty() => Stage::Piece,
            () => self.last(),
        };
        whole
    }

    /// The next piece of its body, and whether it ends there.
    pub(crate) fn next_piece(&mut self) -> (Vec<u8>, bool) {
        let end = self.body.len().min(self.sent + self.piece);
        let piece = self.body[self.sent..end].to_vec();
        self.sent = end;
        let half = self.kind == Kind::BreaksOff && end * 2 >= self.body.len();
        if half || end == self.body.len() {
            self.stage = self.last();
        }
        (piece, self.stage == Stage::Over)
    }

    fn last(&self) -> Stage {
        match self.kind {
            Kind::BreaksOff => Stage::Break,
            Kind::HasTrailers => Stage::Trailers,
            _ => Stage::Over,
        }
    }

    /// How long until the next thing comes; `latency` is usual.
    pub(crate) fn wait(&self, latency: Duration, rng: &mut Rng) -> Duration {
        let usual = latency.mul_f64(rng.f64());
        match (self.stage, self.kind) {
            (Stage::Head, Kind::NeverComes) => Duration::from_secs(20),
            (Stage::Head, Kind::TakesLong) => usual * 20,
            (Stage::Head, _) => latency / 2 + usual,
            (Stage::Piece, Kind::Streams) => Duration::from_secs(10),
            (Stage::Piece, Kind::StandsStill) if self.sent > 0 => latency + usual * 5,
            _ => usual / 10,
        }
    }
}

/// What a request's own answer says of it.
pub(crate) fn whose(request: &PlainRequest, varies: bool) -> String {
    let value = |name| String::from_utf8_lossy(request.header(name).unwrap_or(b"-")).into_owned();
    let lang = if varies { value("user-agent") } else { "any".to_owned() };
    [value(":method"), value(":authority"), value(":path"), value("authorization"), lang].join(" ")
}

/// The head of an answer of this kind.
fn head(kind: Kind, request: &PlainRequest, serial: usize) -> PlainRequest {
    let head = PlainRequest::default()
        .with("x-serial", serial.to_string())
        .with("x-whose", whose(request, kind == Kind::Varies));
    match kind {
        Kind::Varies => head.with("vary", "user-agent"),
        Kind::Private => head.with("cache-control", "private"),
        Kind::NoStore => head.with("cache-control", "no-store"),
        Kind::SetsCookie => head.with("set-cookie", "a=b"),
        Kind::Partial => head.with("content-range", "bytes 0-1/2"),
        Kind::VariesByMore => head.with("vary", "*"),
        Kind::Streams => head.with("content-type", "text/event-stream"),
        _ => head,
    }
}

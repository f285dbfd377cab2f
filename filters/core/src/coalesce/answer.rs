//! An answer as followers get it.
//!
//! Invariants: it carries nothing that was meant for the leader's connection alone; it goes only to requests that have,
//! of all headers it depends on, what the leader had; bytes that nobody encoded this way read as `None`.
//! Trade-off: its age counts from when it was complete, not from when it was asked for, and so is too low by the time
//! the leader took, which is bounded.
//! Source: RFC 9110, sections 7.6.1 and 12.5.5; RFC 9111, sections 3.1, 4.1 and 4.2.3; RFC 9211, section 2.

use crate::http::lists::members;
use crate::http::{decimal_or_most, is_of_one_hop};
use crate::memory;
use crate::request_key::KeyRules;
use crate::wire::{Reader, Writer};
use crate::{RequestView, Timestamp};
use std::borrow::Cow;

/// What an answer takes besides its own bytes.
const OVERHEAD: usize = 256;
/// What each of its headers, and each value it depends on, does.
const HEADER_OVERHEAD: usize = 48;

/// Envoy's name for a request, and the longest that is remembered of those that clients make up.
const REQUEST_ID: &str = "x-request-id";
const MOST_ID: usize = 64;

/// A header, in lower case, and all its values in order.
pub type Varied = (Box<str>, Vec<Box<[u8]>>);

/// One answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case, without pseudo-headers and those of one hop.
    pub headers: Vec<(Box<str>, Box<[u8]>)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Every header that it depends on, with the values that the leader's request had; `*`: on more than headers.
    pub vary: Vec<Varied>,
    /// When it was complete.
    pub at: Timestamp,
    /// The seconds that it was under way or kept before it came here, as it says.
    pub age: u64,
    /// The id of the request that it is the answer to, if that was one of this worker and had one.
    pub asked_by: Option<Box<str>>,
}

/// How a follower came to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Served {
    /// It waited for it.
    Collapsed,
    /// It was held.
    Hit,
    /// It was kept, and serves in place of a failure.
    Stale,
    /// It waited for it, and it is a failure.
    Shared,
}

impl Served {
    /// What `cache-status` says of it (RFC 9211, section 2).
    fn cache_status(self) -> &'static [u8] {
        match self {
            Self::Collapsed | Self::Shared => b"switchyard; fwd=miss; collapsed",
            Self::Hit => b"switchyard; hit",
            // An answer does not know for how long it was allowed to serve, and so not how far it is beyond that
            // (`ttl`).
            Self::Stale => b"switchyard; hit; detail=stale-if-error",
        }
    }
}

impl Answer {
    /// An answer, still without its body, to the leader's `request`; it will be complete `at`. Names of headers are in
    /// lower case; one that is no text is left out.
    pub fn new<'a>(
        status: u16,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        request: &impl RequestView,
        at: Timestamp,
    ) -> Self {
        let headers: Vec<_> = headers.collect();
        let lines = |wanted: &'static [u8]| {
            headers.iter().filter(move |(name, _)| *name == wanted).map(|(_, value)| *value)
        };
        let of_one_hop = |name: &[u8]| is_of_one_hop(name, lines(b"connection"));
        let kept = headers.iter().filter(|(name, _)| !name.starts_with(b":") && !of_one_hop(name));
        Self {
            status,
            headers: kept
                .filter_map(|(name, value)| Some((str::from_utf8(name).ok()?.into(), (*value).into())))
                .collect(),
            body: Vec::new(),
            vary: vary(lines(b"vary").flat_map(members), request),
            at,
            age: lines(b"age").next().and_then(decimal_or_most).unwrap_or(0),
            asked_by: request.header(REQUEST_ID).and_then(id),
        }
    }

    /// From now on requests of one key, made by these rules, are not compared in what the key tells apart.
    pub fn strip_keyed_headers(&mut self, rules: &KeyRules) {
        self.vary.retain(|(name, _)| !rules.tells_apart_by(name.as_bytes()));
    }

    /// Whether `request` has, of all headers that the answer depends on, what the leader had: the same values in the
    /// same order, byte by byte, or none where it had none (RFC 9111, section 4.1).
    pub fn fits(&self, request: &impl RequestView) -> bool {
        fits(&self.vary, request)
    }

    /// The length that it says its body has, which for HEAD is that of a body that is not there.
    pub fn content_length(&self) -> Option<&[u8]> {
        self.header("content-length")
    }

    /// What it says its body is.
    pub fn content_type(&self) -> Option<&[u8]> {
        self.header("content-type")
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(other, _)| **other == *name).map(|(_, value)| &**value)
    }

    /// What it takes, in bytes.
    pub fn size(&self) -> u64 {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD);
        let vary = self.vary.iter().map(|(name, values)| {
            let values = values.iter().map(|value| value.len() + HEADER_OVERHEAD);
            name.len() + HEADER_OVERHEAD + values.sum::<usize>()
        });
        let size = OVERHEAD + self.body.len() + headers.sum::<usize>() + vary.sum::<usize>();
        u64::try_from(size).unwrap_or(u64::MAX)
    }

    /// The headers of a reply with it, `content-length` excepted: that is counted from the body, and a reply without
    /// one has none (see [`Answer::content_length`]). What caches nearer to the server said of it comes first.
    pub fn reply_headers(&self, served: Served, now: Timestamp) -> Vec<(&[u8], Cow<'_, [u8]>)> {
        let ages = matches!(served, Served::Hit | Served::Stale);
        let stays = |name: &str| name != "content-length" && !(ages && name == "age");
        let kept = self.headers.iter().filter(|(name, _)| stays(name));
        let mut headers: Vec<_> =
            kept.map(|(name, value)| (name.as_bytes(), Cow::Borrowed(&**value))).collect();
        if ages {
            let age = self.age.saturating_add(now.since(self.at).as_secs());
            headers.push((b"age", Cow::Owned(age.to_string().into_bytes())));
        }
        headers.push((b"cache-status", Cow::Borrowed(served.cache_status())));
        headers
    }

    /// Writes it; the reverse of [`Answer::decode`].
    pub fn encode(&self, writer: &mut Writer) {
        writer.word(u32::from(self.status)).time(self.at).long(self.age);
        writer.count(self.headers.len());
        for (name, value) in &self.headers {
            writer.bytes(name.as_bytes()).bytes(value);
        }
        encode_vary(&self.vary, writer);
        writer.bytes(&self.body);
    }

    /// The answer at the beginning of `bytes`, and what comes after it; `None` if there is none.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let status = u16::try_from(reader.word()?).ok()?;
        let (at, age) = (reader.time()?, reader.long()?);
        let headers = reader.several(|reader| Some((reader.text()?.into(), reader.bytes()?.into())))?;
        let vary = decode_vary(&mut reader)?;
        let bytes = reader.bytes()?;
        let mut body = memory::buffer(bytes.len())?;
        body.extend_from_slice(bytes);
        Some((Self { status, headers, body, vary, at, age, asked_by: None }, reader.rest()))
    }
}

fn id(value: &[u8]) -> Option<Box<str>> {
    str::from_utf8(value).ok().filter(|id| id.len() <= MOST_ID).map(Into::into)
}

/// Whether `request` has, of these headers, these values.
pub(super) fn fits(vary: &[Varied], request: &impl RequestView) -> bool {
    vary.iter().all(|(name, values)| {
        **name != *"*" && request.header_values(name).eq(values.iter().map(|value| &**value))
    })
}

/// Each of these headers once, with the values that `request` has. A name that is no text could not be looked up later.
fn vary<'a>(names: impl Iterator<Item = &'a [u8]>, request: &impl RequestView) -> Vec<Varied> {
    let mut vary: Vec<Varied> = Vec::new();
    for name in names {
        let name = str::from_utf8(name).map_or("*".to_owned(), str::to_ascii_lowercase);
        if !vary.iter().any(|(other, _)| **other == *name) {
            let values = request.header_values(&name).map(Into::into).collect();
            vary.push((name.into(), values));
        }
    }
    vary
}

/// The reverse of [`decode_vary`].
pub(super) fn encode_vary(vary: &[Varied], writer: &mut Writer) {
    writer.count(vary.len());
    for (name, values) in vary {
        writer.bytes(name.as_bytes()).count(values.len());
        for value in values {
            writer.bytes(value);
        }
    }
}

/// What an answer varies by; `None` if it is none.
pub(super) fn decode_vary(reader: &mut Reader<'_>) -> Option<Vec<Varied>> {
    reader.several(|reader| {
        Some((reader.text()?.into(), reader.several(|reader| reader.bytes().map(Into::into))?))
    })
}

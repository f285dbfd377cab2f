//! What workers tell each other about flights.
//!
//! Invariants: a message says which epoch of a worker it is for, and one for an earlier epoch is dropped; bytes that are no message
//! of this version read as nothing.
//! Trade-off: an answer travels whole, a copy for every worker that waits for it.

use super::answer::{Answer, Served, Varied, decode_vary, encode_vary};
use super::board::FlightId;
use crate::wire::{Reader, Writer};
use crate::{Address, Timestamp};
use std::rc::Rc;

const VERSION: u8 = 2;
/// What a message has before its answer, in bytes.
const MOST_HEAD: usize = 64;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Which epoch of the receiver it is for.
    pub(super) to: u64,
    /// Where an answer to it goes.
    pub(super) from: Address,
    /// Which flight it is about.
    pub(super) flight: FlightId,
    pub(super) says: Says,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Requests here wait for your flight, since `oldest`; said at `sent`. Both by the wall clock.
    Join { sent: Timestamp, oldest: Timestamp },
    /// The flight is under way. So many of yours may ask by themselves at a time when they have waited long enough.
    Flying { at_a_time: u32 },
    /// Its answer has begun, and varies by these headers.
    Varies(Vec<Varied>),
    /// It is not, or not here; followers of it have led so often.
    Gone { elections: u32 },
    /// Its leader is gone, and yours has waited longest: lead it for these, too, where somebody has waited since then by the
    /// wall clock.
    Lead { elections: u32, others: Vec<(Address, Timestamp)> },
    /// Its answer is not for others: let yours go on, so many at a time; `pass`: and later ones at once.
    Release { at_a_time: u32, pass: bool },
    /// Here is its answer.
    Answer(Served, Rc<Answer>),
}

impl Message {
    /// Its bytes; `None`: there is no memory for them.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let answer = match &self.says {
            Says::Answer(_, answer) => usize::try_from(answer.size()).ok()?,
            _ => 0,
        };
        let mut writer = Writer::with_room(MOST_HEAD + answer);
        writer.byte(VERSION).long(self.to);
        writer.address(self.from).long(self.flight.epoch).long(self.flight.number);
        match &self.says {
            Says::Join { sent, oldest } => {
                writer.byte(0).time(*sent).time(*oldest);
            }
            Says::Flying { at_a_time } => {
                writer.byte(1).word(*at_a_time);
            }
            Says::Gone { elections } => {
                writer.byte(2).word(*elections);
            }
            Says::Release { at_a_time, pass } => {
                writer.byte(3).word(*at_a_time).byte(u8::from(*pass));
            }
            Says::Answer(served, answer) => {
                writer.byte(4).byte(code(*served));
                answer.encode(&mut writer);
            }
            Says::Lead { elections, others } => {
                writer.byte(5).word(*elections).count(others.len());
                for (at, oldest) in others {
                    writer.address(*at).time(*oldest);
                }
            }
            Says::Varies(vary) => {
                writer.byte(6);
                encode_vary(vary, &mut writer);
            }
        }
        writer.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let to = reader.long()?;
        let from = reader.address()?;
        let flight = FlightId { epoch: reader.long()?, number: reader.long()? };
        let says = match reader.byte()? {
            0 => Says::Join { sent: reader.time()?, oldest: reader.time()? },
            1 => Says::Flying { at_a_time: reader.word()? },
            2 => Says::Gone { elections: reader.word()? },
            3 => Says::Release { at_a_time: reader.word()?, pass: reader.byte()? != 0 },
            4 => Says::Answer(served(reader.byte()?)?, Rc::new(Answer::decode(reader.rest())?.0)),
            5 => {
                let elections = reader.word()?;
                Says::Lead {
                    elections,
                    others: reader.several(|reader| Some((reader.address()?, reader.time()?)))?,
                }
            }
            6 => Says::Varies(decode_vary(&mut reader)?),
            _ => return None,
        };
        Some(Self { to, from, flight, says })
    }
}

fn code(served: Served) -> u8 {
    match served {
        Served::Collapsed => 0,
        Served::Hit => 1,
        Served::Stale => 2,
        Served::Shared => 3,
    }
}

fn served(code: u8) -> Option<Served> {
    [Served::Collapsed, Served::Hit, Served::Stale, Served::Shared]
        .into_iter()
        .find(|one| self::code(*one) == code)
}

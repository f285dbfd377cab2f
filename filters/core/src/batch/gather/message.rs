//! What workers say to each other about requests.
//!
//! Invariant: a message names the epoch of the worker it is for; another epoch does not hear it. Bytes that are no message are none.

use super::world::Pairs;
use crate::wire::{Reader, Writer};
use crate::{Address, Timestamp};
use std::borrow::Cow;

const VERSION: u8 = 1;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// The epoch of the worker that it is for.
    pub(super) to: u64,
    pub(super) from: Address,
    /// The request, by the number that it has where it is paused.
    pub(super) stream: u32,
    pub(super) says: Says<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says<'a> {
    /// Gather this request with yours.
    Offer(Box<Offer<'a>>),
    /// Do you have it still?
    Ask,
    /// Its client has left.
    Gone,
    /// Its answer begins.
    Begins { well: bool },
    /// Its answer is there, whole.
    Returned { well: bool },
    /// It goes on as it is; `told`: the end of its answer is to be told.
    Alone { told: bool },
    /// Its client gets this.
    Reply { status: u16, headers: Pairs<'a>, body: Cow<'a, [u8]> },
    /// Whether it is held still.
    Known(bool),
    /// It is not gathered here.
    Declined,
}

/// A request for another worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer<'a> {
    pub(super) route: Cow<'a, str>,
    pub(super) configuration: u64,
    pub(super) key: Cow<'a, [u8]>,
    pub(super) deadline: Timestamp,
    pub(super) head: Pairs<'a>,
    pub(super) body: Cow<'a, [u8]>,
}

impl<'a> Message<'a> {
    /// Its bytes; `None`: there is no memory for them.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut writer = Writer::default();
        writer.byte(VERSION).long(self.to).address(self.from).word(self.stream);
        match &self.says {
            Says::Offer(offer) => {
                writer.byte(0).bytes(offer.route.as_bytes()).long(offer.configuration);
                writer.bytes(&offer.key).time(offer.deadline);
                pairs(&mut writer, &offer.head);
                writer.bytes(&offer.body)
            }
            Says::Ask => writer.byte(1),
            Says::Gone => writer.byte(2),
            Says::Returned { well } => writer.byte(3).byte(u8::from(*well)),
            Says::Alone { told } => writer.byte(4).byte(u8::from(*told)),
            Says::Reply { status, headers, body } => {
                writer.byte(5).word(u32::from(*status));
                pairs(&mut writer, headers);
                writer.bytes(body)
            }
            Says::Known(known) => writer.byte(6).byte(u8::from(*known)),
            Says::Declined => writer.byte(7),
            Says::Begins { well } => writer.byte(8).byte(u8::from(*well)),
        };
        writer.finish()
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let (to, from, stream) = (reader.long()?, reader.address()?, reader.word()?);
        let says = match reader.byte()? {
            0 => Says::Offer(Box::new(Offer {
                route: reader.text()?.into(),
                configuration: reader.long()?,
                key: reader.bytes()?.into(),
                deadline: reader.time()?,
                head: read_pairs(&mut reader)?,
                body: reader.bytes()?.into(),
            })),
            1 => Says::Ask,
            2 => Says::Gone,
            3 => Says::Returned { well: reader.byte()? != 0 },
            4 => Says::Alone { told: reader.byte()? != 0 },
            5 => Says::Reply {
                status: u16::try_from(reader.word()?).ok()?,
                headers: read_pairs(&mut reader)?,
                body: reader.bytes()?.into(),
            },
            6 => Says::Known(reader.byte()? != 0),
            7 => Says::Declined,
            8 => Says::Begins { well: reader.byte()? != 0 },
            _ => return None,
        };
        Some(Self { to, from, stream, says })
    }
}

fn pairs(writer: &mut Writer, pairs: &Pairs<'_>) {
    writer.count(pairs.len());
    for (name, value) in pairs {
        writer.bytes(name).bytes(value);
    }
}

fn read_pairs<'a>(reader: &mut Reader<'a>) -> Option<Pairs<'a>> {
    reader.several(|reader| Some((reader.bytes()?.into(), reader.bytes()?.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_the_answer_that_begins_is_a_good_one_is_read_as_it_was_said() {
        for well in [true, false] {
            let from = Address { queue: 1, epoch: 2 };
            let message = Message { to: 3, from, stream: 4, says: Says::Begins { well } };
            let bytes = message.encode().expect("memory");
            assert_eq!(Message::decode(&bytes), Some(message));
        }
    }
}

//! The frame around a gRPC message: one byte that tells of compression, four of length, the message.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// A message with its length in front, not compressed.
#[must_use]
pub fn grpc_frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// The messages of a body, as they came over the wire. One that is cut off is left out.
pub(super) fn messages(body: &Bytes) -> Vec<Bytes> {
    let (mut rest, mut messages) = (body.clone(), Vec::new());
    while rest.len() >= 5 {
        rest.advance(1);
        let length = rest.get_u32() as usize;
        if rest.len() < length {
            break;
        }
        messages.push(rest.split_to(length));
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_of_their_frames_and_a_cut_one_does_not() {
        let body = [grpc_frame(b"one"), grpc_frame(b""), grpc_frame(b"three")].concat();
        assert_eq!(grpc_frame(b"one").as_ref(), b"\0\0\0\0\x03one");
        assert_eq!(messages(&body.clone().into()), ["one", "", "three"].map(Bytes::from));
        for cut in 1..10 {
            let part = Bytes::copy_from_slice(&body[..body.len() - cut]);
            assert_eq!(messages(&part), ["one", ""].map(Bytes::from), "without the last {cut} bytes");
        }
        assert!(messages(&Bytes::new()).is_empty());
    }
}

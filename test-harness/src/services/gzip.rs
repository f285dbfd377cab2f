//! A body in the gzip format, not made smaller: one stored block (RFC 1951, section 3.2.4; RFC 1952).

/// The body of at most 65,535 bytes; of a longer one, the beginning.
pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let body = body.get(..usize::from(u16::MAX)).unwrap_or(body);
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.extend(crc32(body).to_le_bytes());
    bytes.extend(u32::from(length).to_le_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_gzip_makes_of_a_stored_block() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the check value of CRC-32");
        let bytes = gzip(b"tea");
        assert_eq!(bytes[10..15], [1, 3, 0, 0xfc, 0xff]);
        assert_eq!((&bytes[15..18], bytes.len()), (b"tea".as_slice(), 26));
    }
}

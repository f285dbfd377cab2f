//! Protobuf's wire form, as far as Envoy's metadata and reports of load need it.
//!
//! Invariant: a message is read to its end or refused; nothing outside it is looked at, and nothing is allocated.
//! Source: protobuf's encoding. Groups are in none of the messages that are read here.

/// The fields of a message, in the order they were written; one that does not parse is the last, and `None`.
#[derive(Clone, Debug)]
pub struct Fields<'a>(pub &'a [u8]);

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its number.
    pub number: u64,
    /// What it says.
    pub value: Wire<'a>,
}

/// A value as the wire has it.
#[derive(Clone, Copy, Debug)]
pub enum Wire<'a> {
    /// A number, or whether something is so.
    Number(u64),
    /// The eight bytes of a floating-point number.
    Double(&'a [u8]),
    /// A message, a text, or bytes.
    Message(&'a [u8]),
    /// Four bytes, of which nobody here asks.
    Single,
}

impl<'a> Field<'a> {
    /// Number and bytes of a field that has some.
    pub fn message(self) -> Option<(u64, &'a [u8])> {
        match self.value {
            Wire::Message(bytes) => Some((self.number, bytes)),
            Wire::Number(_) | Wire::Double(_) | Wire::Single => None,
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<Field<'a>> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Double(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Message(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Single)?,
            _ => return None,
        };
        Some(Field { number: tag >> 3, value })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number, seven bits to a byte, the least first.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

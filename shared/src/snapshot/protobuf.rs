//! Protobuf's wire format, borrowed: enough to read etcd's records and Kubernetes' envelopes
//! without copying a value.

/// What a field carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer, boolean or enumeration.
    Varint(u64),
    /// A string, bytes or a message.
    Bytes(&'a [u8]),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// Four bytes, little-endian.
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// The bytes of a length-delimited field.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number of a varint field, as the signed integer that most fields are.
    pub fn number(self) -> Option<i64> {
        match self {
            Self::Varint(number) => Some(number.cast_signed()),
            _ => None,
        }
    }

    /// The text of a string field.
    pub fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// The bytes are no protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a protobuf message")]
pub struct Malformed;

/// The fields of a message, in the order they were written. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `message`.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.take(8)?.first_chunk()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(*self.take(4)?.first_chunk()?)),
            _ => return None,
        };
        Some((number, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte has room for one bit.
            if index == 9 && *byte > 1 {
                return None;
            }
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Some(number);
            }
        }
        None
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

/// The last field `number` of `message`, as protobuf has it; none: absent or malformed.
pub fn field(message: &[u8], number: u32) -> Option<Value<'_>> {
    let mut found = None;
    for field in Fields::new(message) {
        let (at, value) = field.ok()?;
        if at == number {
            found = Some(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varint(mut number: u64, to: &mut Vec<u8>) {
        while number > 0x7f {
            to.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        to.push(number as u8);
    }

    fn fields(message: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
        Fields::new(message).collect()
    }

    #[test]
    fn what_is_cut_or_of_an_unknown_type_is_malformed() {
        let message = [0x0a, 3, b'a', b'b', b'c', 0x10, 0x96, 0x01];
        let whole = [(1, Value::Bytes(b"abc")), (2, Value::Varint(150))];
        assert_eq!(fields(&message), Ok(whole.to_vec()));
        for cut in [1, 2, 4, 6, 7] {
            assert_eq!(fields(&message[..cut]), Err(Malformed), "cut at {cut}");
        }
        assert_eq!(fields(&[0x0b]), Err(Malformed), "a group");
        assert_eq!(fields(&[0x02, 0]), Err(Malformed), "field 0");
        assert_eq!(
            fields(&[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2
            ]),
            Err(Malformed)
        );
        assert_eq!(field(&message, 2), Some(Value::Varint(150)));
        assert_eq!(field(&message, 3), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(parts in prop::collection::vec((1u32..1000, any::<u64>(), prop::collection::vec(any::<u8>(), 0..50)), 0..20)) {
            let mut message = Vec::new();
            for (number, value, bytes) in &parts {
                varint(u64::from(*number) << 3, &mut message);
                varint(*value, &mut message);
                varint(u64::from(*number) << 3 | 2, &mut message);
                varint(bytes.len() as u64, &mut message);
                message.extend_from_slice(bytes);
            }
            let expected: Vec<_> = parts
                .iter()
                .flat_map(|(number, value, bytes)| [(*number, Value::Varint(*value)), (*number, Value::Bytes(bytes))])
                .collect();
            prop_assert_eq!(fields(&message), Ok(expected));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Fields::new(&bytes).count() <= bytes.len());
        }
    }
}

//! Writes protobuf by field number, for messages whose schemas are not worth having here.

/// A message in the making.
pub(crate) struct Writer {
    buffer: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self::after(b"")
    }

    /// Begins behind these bytes.
    pub(crate) fn after(prefix: &[u8]) -> Self {
        Self {
            buffer: prefix.to_vec(),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.buffer
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.buffer.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.buffer.push(number as u8);
    }

    pub(crate) fn number(&mut self, field: u32, number: u64) {
        self.varint(u64::from(field) << 3);
        self.varint(number);
    }

    pub(crate) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.buffer.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    pub(crate) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let mut message = Self::new();
        write(&mut message);
        self.bytes(field, &message.buffer);
    }

    /// An entry of a map.
    pub(crate) fn pair(&mut self, field: u32, key: &str, value: &[u8]) {
        self.message(field, |entry| {
            entry.text(1, key);
            entry.bytes(2, value);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_prost_reads() {
        use prost::Message as _;
        let mut writer = Writer::new();
        writer.text(1, "host");
        writer.message(3, |status| status.number(1, 300));
        let read = etcdbackup_proto::common::Metadata::decode(&writer.finish()[..]).unwrap();
        assert_eq!(
            (read.hostname.as_str(), read.status.unwrap().code),
            ("host", 300)
        );
    }
}

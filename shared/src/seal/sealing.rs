//! snapshot → zstd → age → bytes to store.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use age::stream::StreamWriter;
use zstd::stream::write::Encoder;

use super::keys::Recipients;
use crate::failure::{Exit, Failure};

/// How a snapshot is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Stored as it is.
    None,
    /// zstd at a level from 1 to 19, with its checksum on.
    Zstd(i32),
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(3)
    }
}

impl FromStr for Compression {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::new(Exit::Usage, format!("compression `{text}` is not known"))
                .hint("use `zstd`, `zstd:LEVEL` with a level from 1 to 19, or `none`")
        };
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "zstd" => Ok(Self::default()),
            Some(("zstd", level)) => match level.parse() {
                Ok(level @ 1..=19) => Ok(Self::Zstd(level)),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
        }
    }
}

enum Encrypt<W: Write> {
    Age(StreamWriter<W>),
    Plain(W),
}

impl<W: Write> Write for Encrypt<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Age(writer) => writer.write(bytes),
            Self::Plain(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Age(writer) => writer.flush(),
            Self::Plain(writer) => writer.flush(),
        }
    }
}

impl<W: Write> Encrypt<W> {
    fn finish(self) -> io::Result<W> {
        match self {
            Self::Age(writer) => writer.finish(),
            Self::Plain(writer) => Ok(writer),
        }
    }
}

enum Compress<W: Write> {
    Zstd(Encoder<'static, Encrypt<W>>),
    Plain(Encrypt<W>),
}

/// Compresses and encrypts what is written to it.
pub struct Sealer<W: Write>(Compress<W>);

impl<W: Write> Sealer<W> {
    /// Stages in front of `inner`. No recipients: stored in the clear.
    ///
    /// # Errors
    /// A recipient's plugin failed, or `inner` did.
    pub fn new(
        inner: W,
        compression: Compression,
        recipients: Option<&Recipients>,
    ) -> io::Result<Self> {
        let encrypt = match recipients {
            Some(recipients) => Encrypt::Age(recipients.encryptor()?.wrap_output(inner)?),
            None => Encrypt::Plain(inner),
        };
        Ok(Self(match compression {
            Compression::None => Compress::Plain(encrypt),
            Compression::Zstd(level) => {
                let mut encoder = Encoder::new(encrypt, level)?;
                encoder.include_checksum(true)?;
                Compress::Zstd(encoder)
            }
        }))
    }

    /// Writes the ends of both stages and gives `inner` back.
    ///
    /// # Errors
    /// `inner` failed.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Compress::Zstd(encoder) => encoder.finish()?.finish(),
            Compress::Plain(encrypt) => encrypt.finish(),
        }
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Compress::Zstd(encoder) => encoder.write(bytes),
            Compress::Plain(encrypt) => encrypt.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Compress::Zstd(encoder) => encoder.flush(),
            Compress::Plain(encrypt) => encrypt.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_read_as_it_is_printed() {
        for text in ["none", "zstd:1", "zstd:3", "zstd:19"] {
            assert_eq!(text.parse::<Compression>().unwrap().to_string(), text);
        }
        assert_eq!("zstd".parse::<Compression>().unwrap(), Compression::Zstd(3));
        for text in ["", "gzip", "zstd:", "zstd:0", "zstd:20", "none:3", "zstd:x"] {
            assert_eq!(
                text.parse::<Compression>().unwrap_err().exit,
                Exit::Usage,
                "{text}"
            );
        }
    }
}

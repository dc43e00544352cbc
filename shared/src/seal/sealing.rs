//! snapshot → zstd → age → bytes to store.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use age::stream::StreamWriter;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use super::keys::Recipients;
use crate::failure::{Exit, Failure};

/// Bytes of a snapshot in one zstd frame. Longer ones gain less than one per cent, and cost
/// speed as they leave the processor's caches.
const FRAME: usize = 1 << 20;
/// The same for levels whose windows are larger.
const LONG_FRAME: usize = 8 << 20;
/// The highest level with short frames.
const SHORT: i32 = 9;

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

/// Gathers a frame, compresses it in one go, and writes it on.
///
/// A snapshot becomes a row of frames, which every zstd reads as one file. One frame for the
/// whole stream would cost a quarter more time and compress no better: zstd's streaming window
/// wraps round all the time, and what lies on both sides of the seam is searched by the slower
/// of its two loops.
struct Frames<W: Write> {
    compressor: Compressor<'static>,
    length: usize,
    frame: Vec<u8>,
    compressed: Vec<u8>,
    inner: W,
}

impl<W: Write> Frames<W> {
    fn new(inner: W, level: i32) -> io::Result<Self> {
        let mut compressor = Compressor::new(level)?;
        compressor.include_checksum(true)?;
        let length = if level <= SHORT { FRAME } else { LONG_FRAME };
        Ok(Self {
            compressor,
            length,
            frame: Vec::with_capacity(length),
            compressed: Vec::with_capacity(compress_bound(length)),
            inner,
        })
    }

    fn write_frame(&mut self) -> io::Result<()> {
        self.compressed.clear();
        self.compressor
            .compress_to_buffer(&self.frame, &mut self.compressed)?;
        self.frame.clear();
        self.inner.write_all(&self.compressed)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full frame goes only when more bytes come: the last one is told by `finish`.
        if self.frame.len() == self.length {
            self.write_frame()?;
        }
        let count = bytes.len().min(self.length - self.frame.len());
        self.frame.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Writes the last frame; an empty input has one too.
    fn finish(mut self) -> io::Result<W> {
        self.write_frame()?;
        Ok(self.inner)
    }
}

enum Compress<W: Write> {
    Zstd(Frames<Encrypt<W>>),
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
            Compression::Zstd(level) => Compress::Zstd(Frames::new(encrypt, level)?),
        }))
    }

    /// Writes the ends of both stages and gives `inner` back.
    ///
    /// # Errors
    /// `inner` failed.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Compress::Zstd(frames) => frames.finish()?.finish(),
            Compress::Plain(encrypt) => encrypt.finish(),
        }
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Compress::Zstd(frames) => frames.write(bytes),
            Compress::Plain(encrypt) => encrypt.write(bytes),
        }
    }

    /// What makes no whole frame stays until there is more, or the end.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Compress::Zstd(frames) => frames.inner.flush(),
            Compress::Plain(encrypt) => encrypt.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back_whatever_its_frames() {
        let bytes: Vec<u8> = (0..2 * FRAME + 5).map(|at| (at / 97) as u8).collect();
        for length in [0, 1, FRAME - 1, FRAME, FRAME + 1, bytes.len()] {
            let mut sealer = Sealer::new(Vec::new(), Compression::default(), None).unwrap();
            for piece in bytes[..length].chunks(100_000) {
                sealer.write_all(piece).unwrap();
            }
            let stored = sealer.finish().unwrap();
            let back = zstd::stream::decode_all(&stored[..]).unwrap();
            assert!(back == bytes[..length], "{length}");
        }
    }

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

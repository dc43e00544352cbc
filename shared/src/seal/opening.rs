//! stored bytes → age → zstd → snapshot. What a file is, its first bytes decide, never its
//! name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor};

use super::keys::{Identities, plain};
use crate::failure::{Exit, Failure};

const AGE: &[u8] = b"age-encryption.org/v1";
const ARMOR: &[u8] = b"-----BEGIN AGE";
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// 128 MiB: what `zstd -d` accepts without being asked.
const WINDOW_LOG_MAX: u32 = 27;

/// What the stored bytes turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// An age file.
    pub encrypted: bool,
    /// A zstd frame (inside age, if encrypted).
    pub compressed: bool,
}

/// Why stored bytes do not open; becomes a [`Failure`] naming the object.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An age file, and no identity was given.
    #[error("it is encrypted, and no identity was given")]
    NoIdentity,
    /// None of the identities is among the recipients.
    #[error("none of the given identities opens it")]
    WrongIdentity,
    /// An identity is protected, and its passphrase was not had.
    #[error("the identity is protected by a passphrase")]
    Protected,
    /// Not readable as an age file.
    #[error("its age header is damaged: {0}")]
    Age(String),
    /// Reading failed, or the bytes are damaged.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The identities themselves could not be read.
    #[error("{0}")]
    Identities(Failure),
}

impl OpenError {
    /// The failure to show for the object called `object`.
    pub fn into_failure(self, object: &str) -> Failure {
        match self {
            Self::Identities(failure) => failure,
            Self::NoIdentity => Failure::new(Exit::Config, format!("{object}: it is encrypted, and no identity was given"))
                .hint("give the age key file with `-i key.txt`"),
            Self::WrongIdentity => Failure::new(Exit::Data, format!("{object}: none of the given identities opens it"))
                .hint("give the identity whose recipient was used for this backup; `-i` can repeat"),
            Self::Protected if File::open("/dev/tty").is_err() => Failure::new(Exit::Config, format!("{object}: the identity is protected by a passphrase, and there is no terminal to ask on"))
                .hint("run it at a terminal, or give an identity without passphrase: `age -d -o key.txt FILE`"),
            Self::Protected => Failure::new(Exit::NotPermitted, format!("{object}: the identity stays locked: no passphrase, or a wrong one"))
                .hint("run it again and type the passphrase of the identity file"),
            other => Failure::new(Exit::Data, format!("{object}: damaged or cut short, it cannot be decrypted or decompressed: {}", plain(&other.to_string())))
                .hint("fetch it again; if it stays so, this copy is damaged: take an older one with `--at`"),
        }
    }
}

/// Whether stored bytes that begin so are an age file.
pub fn is_encrypted(head: &[u8]) -> bool {
    head.starts_with(AGE) || head.starts_with(ARMOR)
}

/// The snapshot inside `stored`, to be read to its end.
///
/// # Errors
/// [`OpenError`]; errors of the stream itself come from reading.
pub fn open<'a>(
    stored: impl Read + 'a,
    identities: &Identities,
) -> Result<(Box<dyn Read + 'a>, Content), OpenError> {
    let mut stored = BufReader::with_capacity(128 * 1024, stored);
    let head = peek(&mut stored)?;
    let encrypted = is_encrypted(&head);
    let clear: Box<dyn Read + 'a> = if encrypted {
        decrypt(stored, identities)?
    } else {
        Box::new(stored)
    };
    let mut clear = BufReader::with_capacity(128 * 1024, clear);
    let compressed = peek(&mut clear)?.starts_with(ZSTD);
    let content = Content {
        encrypted,
        compressed,
    };
    if !compressed {
        return Ok((Box::new(clear), content));
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(clear)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok((Box::new(decoder), content))
}

fn decrypt<'a>(
    stored: impl BufRead + 'a,
    identities: &Identities,
) -> Result<Box<dyn Read + 'a>, OpenError> {
    if identities.files.is_empty() {
        return Err(OpenError::NoIdentity);
    }
    let keys = identities.read().map_err(OpenError::Identities)?;
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(stored)).map_err(age_error)?;
    let reader = decryptor
        .decrypt(keys.iter().map(AsRef::as_ref))
        .map_err(age_error)?;
    Ok(Box::new(reader))
}

fn age_error(error: DecryptError) -> OpenError {
    match error {
        DecryptError::NoMatchingKeys => OpenError::WrongIdentity,
        DecryptError::KeyDecryptionFailed => OpenError::Protected,
        DecryptError::Io(error) => OpenError::Io(error),
        other => OpenError::Age(plain(&other.to_string())),
    }
}

/// At least the bytes of the longest magic, unless the input is shorter.
fn peek(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    // One fill of the buffer may be short on a pipe, but never shorter than what the
    // channel reader hands over at a time, which begins with the whole first chunk.
    Ok(reader.fill_buf()?.iter().take(AGE.len()).copied().collect())
}

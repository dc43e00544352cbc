//! age recipients and identities, from flags and files.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use age::cli_common::{ReadError, StdinGuard, read_identities, read_recipients};
use age::{EncryptError, Encryptor, Identity, Recipient};
use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};

/// Work factor of a passphrase-protected identity above which we refuse (age's own limit).
const MAX_WORK_FACTOR: u8 = 22;
/// As age names it when it is missing.
const POST_QUANTUM_PLUGIN: &str = "`age-plugin-pq`";

/// Who can open what we store.
pub struct Recipients {
    // age's recipients are not `Sync`; runs share them.
    keys: Mutex<Vec<Box<dyn Recipient + Send>>>,
    fingerprints: Vec<String>,
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipients")
            .field(&self.fingerprints)
            .finish()
    }
}

impl Recipients {
    /// Recipients from `-r` texts and `-R` files. None at all gives none.
    ///
    /// # Errors
    /// 78: a recipient or file cannot be used, or its plugin is not on PATH.
    pub fn read(
        texts: &[String],
        files: &[String],
        stdin_is_taken: bool,
    ) -> Result<Option<Self>, Failure> {
        if texts.is_empty() && files.is_empty() {
            return Ok(None);
        }
        let fingerprints = fingerprints(texts, files);
        let mut guard = StdinGuard::new(stdin_is_taken);
        let keys = read_recipients(texts.to_vec(), files.to_vec(), Vec::new(), None, &mut guard)
            .map_err(|error| refused_recipient(&error, texts))?;
        if keys.is_empty() {
            return Err(Failure::new(
                Exit::Config,
                format!("no recipient in {}", files.join(", ")),
            )
            .hint("put an `age1…` or `ssh-ed25519 …` line in the file"));
        }
        let recipients = Self {
            keys: Mutex::new(keys),
            fingerprints,
        };
        // A mixture age refuses, or a plugin that fails, is found before any byte is read.
        recipients.encryptor().map_err(|error| {
            Failure::new(
                Exit::Config,
                format!(
                    "cannot encrypt to these recipients: {}",
                    plain(&error.to_string())
                ),
            )
            .hint("post-quantum and classic recipients cannot be mixed; check each with `age -r`")
        })?;
        Ok(Some(recipients))
    }

    /// One short fingerprint per recipient line: kind and the first 16 hex digits of the
    /// SHA-256 of its text. Recipients are public; this names them without length.
    pub fn fingerprints(&self) -> &[String] {
        &self.fingerprints
    }

    pub(super) fn encryptor(&self) -> io::Result<Encryptor> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Encryptor::with_recipients(keys.iter().map(|key| key.as_ref() as &dyn Recipient))
            .map_err(|error: EncryptError| io::Error::other(plain(&error.to_string())))
    }
}

/// The recipients of texts and files, one a line; what cannot be read is [`Recipients::read`]'s to
/// refuse.
pub fn recipient_lines(texts: &[String], files: &[String]) -> Vec<String> {
    let from_files = files
        .iter()
        .filter(|file| *file != "-")
        .filter_map(|file| std::fs::read_to_string(file).ok());
    let given: Vec<String> = texts.iter().cloned().chain(from_files).collect();
    let lines = given.iter().flat_map(|text| text.lines()).map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(ToOwned::to_owned)
        .collect()
}

fn fingerprints(texts: &[String], files: &[String]) -> Vec<String> {
    recipient_lines(texts, files)
        .iter()
        .map(|line| {
            let kind = if line.starts_with("ssh-") {
                line.split(' ').next().unwrap_or("ssh")
            } else {
                "age"
            };
            let hash = hex::encode(digest(&SHA256, line.as_bytes()).as_ref());
            format!("{kind}:{}", &hash[..16])
        })
        .collect()
}

fn refused_recipient(error: &ReadError, texts: &[String]) -> Failure {
    if texts.iter().any(|text| is_identity(text)) {
        // Age's own message would repeat it.
        return Failure::new(Exit::Usage, "a recipient is a secret key: anyone who saw this command line can read your backups")
            .hint("give its public half: `age-keygen -y KEYFILE` prints it; make a new key if others use this machine");
    }
    let what = first_line(error);
    match error {
        ReadError::MultipleStdin => stdin_twice("`-R -`"),
        ReadError::PluginResolve(_) if what.contains(POST_QUANTUM_PLUGIN) => Failure::new(
            Exit::Config,
            "recipient `age1pq1…` is post-quantum and needs the program `age-plugin-pq`, which is not on PATH",
        )
        .hint("install `age-plugin-pq` where this runs, or use an `age1…` (X25519) or `ssh-ed25519` recipient"),
        ReadError::PluginResolve(_) => Failure::new(Exit::Config, format!("recipient cannot be used: {what}"))
            .hint("install the plugin on PATH where this runs, or use another recipient"),
        ReadError::InvalidRecipient(text) => Failure::new(Exit::Config, format!("`{text}` is no recipient that age knows"))
            .hint("give `-r age1…`, `-r \"ssh-ed25519 …\"`, or a file of such lines with `-R`"),
        ReadError::MissingRecipientsFile(file) => Failure::new(Exit::Config, format!("recipients file `{file}` does not exist"))
            .hint("check the path given with `-R`; `age-keygen -y key.txt > recipients.txt` makes one"),
        ReadError::InvalidRecipientsFile { filename, line_number } => Failure::new(
            Exit::Config,
            format!("line {line_number} of recipients file `{filename}` is no recipient"),
        )
        .hint("put one `age1…` or `ssh-ed25519 …` a line, comments behind `#`"),
        _ => Failure::new(Exit::Config, format!("recipient cannot be used: {what}"))
            .hint("give `-r age1…`, `-r \"ssh-ed25519 …\"`, or a file of such lines with `-R`"),
    }
}

fn is_identity(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    text.contains("AGE-SECRET-KEY-") || text.contains("AGE-PLUGIN-") || text.contains("PRIVATE KEY")
}

fn stdin_twice(flag: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("{flag} would read stdin, which is used already"),
    )
    .hint("stdin gives one thing: name a file for the other")
}

fn refused_identity(error: &ReadError, files: &[String]) -> Failure {
    let what = first_line(error);
    let what = format!("identity in {} cannot be used: {what}", files.join(", "));
    let failure = Failure::new(Exit::Config, what);
    match error {
        ReadError::IdentityNotFound(file) => missing(file),
        ReadError::MultipleStdin => stdin_twice("`-i -`"),
        ReadError::PluginResolve(_) => {
            failure.hint("install the plugin on PATH where this runs, or give another identity")
        }
        _ => match files.iter().find(|file| is_post_quantum(file)) {
            Some(file) => Failure::new(
                Exit::Config,
                format!("identity `{file}` is post-quantum: it opens through the program `age-plugin-pq`, in the plugin's form"),
            )
            .hint(format!(
                "convert it once with `age-plugin-pq -identity -o NEW {file}` and give `-i NEW`, with the plugin on PATH"
            )),
            None => failure.hint("give the file `age-keygen` wrote, or an ssh private key, with `-i`"),
        },
    }
}

/// Whether a file holds a post-quantum key as Go's age writes it.
fn is_post_quantum(file: &str) -> bool {
    // What cannot be read is no key of that kind either.
    let text = Zeroizing::new(std::fs::read_to_string(file).unwrap_or_default());
    text.lines()
        .any(|line| line.trim_start().starts_with("AGE-SECRET-KEY-PQ-1"))
}

fn first_line(error: &ReadError) -> String {
    let text = plain(&error.to_string()).replace('\'', "`");
    let line = text.lines().next().unwrap_or("unusable");
    line.trim_end_matches('.').to_owned()
}

/// Where the keys are that open a stored snapshot. They are read in the thread that uses
/// them, since age's identities stay in their thread.
#[derive(Debug, Clone, Default)]
pub struct Identities {
    /// `-i` files; `-` once for stdin.
    pub files: Vec<String>,
    /// Whether stdin is already used for something else.
    pub stdin_is_taken: bool,
}

impl Identities {
    /// Looks at what can be known without reading a key: files that are missing, stdin used
    /// twice. The rest shows when the object was opened.
    ///
    /// # Errors
    /// 2: stdin is used twice; 78: a file is missing.
    pub fn check(&self) -> Result<(), Failure> {
        if self.files.iter().any(|file| is_identity(file)) {
            return Err(Failure::new(
                Exit::Usage,
                "an identity was given on the command line, where others can read it",
            )
            .hint("put it into a file (0600), and give that with `-i FILE`"));
        }
        let from_stdin = self.files.iter().filter(|file| *file == "-").count();
        if from_stdin + usize::from(self.stdin_is_taken) > 1 {
            return Err(stdin_twice("`-i -`"));
        }
        let absent = self
            .files
            .iter()
            .find(|file| *file != "-" && !Path::new(file).exists());
        absent.map_or(Ok(()), |file| Err(missing(file)))
    }

    /// Reads the files. A protected identity asks on the terminal.
    ///
    /// # Errors
    /// 78: a file is missing or holds no identity, or there is no terminal to ask on.
    pub fn read(&self) -> Result<Vec<Box<dyn Identity>>, Failure> {
        let mut guard = StdinGuard::new(self.stdin_is_taken);
        read_identities(self.files.clone(), Some(MAX_WORK_FACTOR), &mut guard)
            .map_err(|error| refused_identity(&error, &self.files))
    }
}

fn missing(file: &str) -> Failure {
    Failure::new(
        Exit::Config,
        format!("identity file `{file}` does not exist"),
    )
    .hint("check the path given with `-i`")
}

/// age's messages carry Unicode isolation marks around values: not for terminals or logs.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !('\u{2066}'..='\u{2069}').contains(c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_post_quantum_recipients_say_what_to_do() {
        let unknown = Recipients::read(&["nonsense".into()], &[], false).unwrap_err();
        assert_eq!(unknown.exit, Exit::Config);
        assert!(unknown.what.contains("nonsense"), "{}", unknown.what);
        assert!(Recipients::read(&[], &[], false).unwrap().is_none());
    }

    #[test]
    fn a_post_quantum_identity_says_how_to_convert_it_and_shows_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.txt").display().to_string();
        std::fs::write(&file, "# created\nAGE-SECRET-KEY-PQ-1PLANTED\n").unwrap();
        let identities = Identities {
            files: vec![file.clone()],
            stdin_is_taken: false,
        };
        let failure = identities.read().err().unwrap();
        assert_eq!(failure.exit, Exit::Config);
        assert!(failure.what.contains(&file), "{}", failure.what);
        let hint = failure.hint.unwrap();
        assert!(hint.contains("age-plugin-pq -identity"), "{hint}");
        assert!(!failure.what.contains("PLANTED") && !hint.contains("PLANTED"));
    }

    #[test]
    fn a_secret_key_in_the_wrong_place_is_not_repeated() {
        let secret = "AGE-SECRET-KEY-1PLANTED";
        let recipient = Recipients::read(&[secret.into()], &[], false).unwrap_err();
        let files = vec![secret.to_owned()];
        let identity = Identities {
            files,
            stdin_is_taken: false,
        }
        .check()
        .unwrap_err();
        for failure in [recipient, identity] {
            assert_eq!(failure.exit, Exit::Usage);
            assert!(!format!("{failure:?}").contains("PLANTED"), "{failure:?}");
        }
    }

    #[test]
    fn stdin_gives_one_thing() {
        let twice = Identities {
            files: vec!["-".into(), "-".into()],
            stdin_is_taken: false,
        };
        assert_eq!(twice.check().unwrap_err().exit, Exit::Usage);
        let taken = Identities {
            files: vec!["-".into()],
            stdin_is_taken: true,
        };
        assert_eq!(taken.check().unwrap_err().exit, Exit::Usage);
        let failure = Recipients::read(&[], &["-".into()], true).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        let absent = Identities {
            files: vec!["/nowhere/key".into()],
            stdin_is_taken: false,
        };
        assert_eq!(absent.check().unwrap_err().exit, Exit::Config);
    }

    #[test]
    fn isolation_marks_are_removed() {
        assert_eq!(plain("a \u{2068}b\u{2069} c"), "a b c");
    }
}

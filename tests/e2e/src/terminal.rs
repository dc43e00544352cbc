//! A program at a real pseudo-terminal, with a person who reads and types.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use talos_sim::Using;

use crate::{World, secrets};

/// After which a program hangs: far beyond each of its own limits.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at the terminal's attributes.
const LOOK: Duration = Duration::from_millis(5);
/// Wide and high enough that nothing breaks or scrolls.
const SIZE: (u16, u16) = (2000, 250);

/// How a terminal is that a person sits at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seat<'a> {
    /// Columns, when the terminal tells; otherwise it is wide and tells nothing.
    pub columns: Option<u16>,
    /// Variables of the person's own.
    pub variables: &'a [(&'a str, &'a str)],
}

/// A program that talks to a terminal.
pub struct Terminal {
    child: Child,
    /// What its arguments say counts as long as it runs.
    _using: Vec<Using>,
    screen: File,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    reader: Option<JoinHandle<()>>,
    read: usize,
    /// How lines were treated before it started.
    found: LocalModes,
    size: (u16, u16),
}

#[derive(Default)]
struct Shown {
    bytes: Vec<u8>,
    ended: bool,
}

impl Terminal {
    /// Starts a program of ours in a world, at a terminal that controls it.
    ///
    /// # Panics
    /// There is no pseudo-terminal, or no such program.
    pub fn start(world: &World, program: &str, arguments: &[&str]) -> Self {
        Self::at(world, program, arguments, Seat::default())
    }

    /// The same at a terminal of another kind.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn at(world: &World, program: &str, arguments: &[&str], seat: Seat<'_>) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a pseudo-terminal");
        grantpt(&screen).expect("a granted terminal");
        unlockpt(&screen).expect("an unlocked terminal");
        let name = ptsname(&screen, Vec::new()).expect("the terminal's name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let line = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("a terminal");
        let found = modes(&line);
        let size = (SIZE.0, seat.columns.unwrap_or(SIZE.1));
        if let Some(columns) = seat.columns {
            tell_size(&screen, columns);
        }
        let end = |line: &OwnedFd| Stdio::from(line.try_clone().expect("another end"));
        let mut command = world.command("setsid");
        command
            .arg("--ctty")
            .arg(crate::programs().join(program))
            .args(arguments)
            .env("TERM", "xterm")
            .env("ETCDBACKUP_SURVEY_PAUSE", "1ms")
            .envs(seat.variables.iter().copied())
            .stdin(end(&line))
            .stdout(end(&line))
            .stderr(end(&line));
        let child = command.spawn().expect("setsid");
        let screen = File::from(screen);
        let shown = Arc::default();
        let reader = read(screen.try_clone().expect("the screen"), Arc::clone(&shown));
        Self {
            child,
            _using: command.started(),
            screen,
            shown,
            reader: Some(reader),
            read: 0,
            found,
            size,
        }
    }

    /// Waits until `text` is shown, behind what was waited for before.
    ///
    /// # Panics
    /// The program ends or hangs without it.
    pub fn expect(&mut self, text: &str) -> &mut Self {
        let (shown, more) = &*self.shown;
        let until = Instant::now() + PATIENCE;
        let mut seen = shown.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let new = seen.bytes.get(self.read..).unwrap_or_default();
            if let Some(at) = find(new, text.as_bytes()) {
                self.read += at + text.len();
                break;
            }
            let all = String::from_utf8_lossy(&seen.bytes);
            assert!(!seen.ended, "it ended, and `{text}` was not shown:\n{all}");
            assert!(Instant::now() < until, "`{text}` was not shown:\n{all}");
            let wait = more.wait_timeout(seen, Duration::from_secs(1));
            seen = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(seen);
        self
    }

    /// Types a line, once the program reads keys: what is typed before would be shown twice.
    ///
    /// # Panics
    /// The program never reads.
    pub fn answer(&mut self, line: &str) -> &mut Self {
        self.keys(&format!("{line}\r"))
    }

    /// Types keys (`\u{3}`: Ctrl-C), once the program reads them.
    ///
    /// # Panics
    /// As [`Self::answer`].
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        let until = Instant::now() + PATIENCE;
        while modes(&self.screen).contains(LocalModes::ICANON) {
            assert!(
                Instant::now() < until,
                "nobody reads:\n{}",
                self.transcript()
            );
            std::thread::sleep(LOOK);
        }
        self.screen.write_all(keys.as_bytes()).expect("a keyboard");
        self
    }

    /// Types Ctrl-C while nobody reads keys: the terminal makes a signal of it.
    ///
    /// # Panics
    /// The terminal is gone.
    pub fn interrupt(&mut self) {
        self.screen.write_all(b"\x03").expect("a keyboard");
    }

    /// What a person has seen, line by line, without what was drawn over.
    pub fn transcript(&self) -> String {
        let seen = self.shown.0.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = emulated(&seen.bytes, self.size).screen().contents();
        let lines = contents
            .lines()
            .map(|line| line.trim_end().to_owned() + "\n");
        lines.collect()
    }

    /// What a person sees, line by line as the terminal broke them.
    pub fn rows(&self) -> String {
        let seen = self.shown.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parser = emulated(&seen.bytes, self.size);
        let rows = parser.screen().rows(0, self.size.1);
        let rows = rows.map(|row| row.trim_end().to_owned() + "\n");
        rows.collect::<String>().trim_end().to_owned() + "\n"
    }

    /// Everything that was written to it, codes included.
    pub fn written(&self) -> String {
        let seen = self.shown.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&seen.bytes).into_owned()
    }

    /// Waits for the program's end, and for all that it showed.
    ///
    /// # Panics
    /// It hangs.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < until, "it hangs:\n{}", self.transcript());
            std::thread::sleep(LOOK);
        };
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader");
        }
        status
    }

    /// Waits for the end: its status and everything a person has seen. No secret was shown, and
    /// the terminal is as it was found, with its cursor.
    ///
    /// # Panics
    /// It hangs, shows a secret, or leaves the terminal otherwise.
    pub fn end(mut self) -> (ExitStatus, String) {
        let status = self.wait();
        let seen = self.shown.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets::assert_none("the terminal", &seen.bytes);
        assert!(!emulated(&seen.bytes, self.size).screen().hide_cursor());
        assert_eq!(modes(&self.screen), self.found);
        drop(seen);
        (status, self.transcript())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that stopped half way leaves nobody behind; one that ended has.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn modes(line: &impl AsFd) -> LocalModes {
    let attributes = tcgetattr(line).expect("a terminal's attributes");
    attributes.local_modes
}

fn tell_size(screen: &impl AsFd, columns: u16) {
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(screen, size).expect("a terminal with a size");
}

fn emulated(bytes: &[u8], (rows, columns): (u16, u16)) -> vt100::Parser {
    let mut parser = vt100::Parser::new(rows, columns, 0);
    parser.process(bytes);
    parser
}

/// Keeps everything that is shown until the program's end of the terminal is closed.
fn read(mut screen: File, to: Arc<(Mutex<Shown>, Condvar)>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            // The end is an error: nobody has the other end open.
            let count = screen.read(&mut buffer).unwrap_or(0);
            let mut shown = to.0.lock().unwrap_or_else(PoisonError::into_inner);
            shown.bytes.extend_from_slice(&buffer[..count]);
            shown.ended = count == 0;
            to.1.notify_all();
            if shown.ended {
                return;
            }
        }
    })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

//! A program as a test runs it: whatever it says is looked through for secrets.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use talos_sim::{Record, Using};

use crate::{judge, secrets};

/// After which a program hangs: far beyond each of its own limits.
const PATIENCE: Duration = Duration::from_secs(300);

/// A [`Command`] whose output is checked.
#[derive(Debug)]
pub struct Run {
    command: Command,
    /// Stdin, stdout and stderr were given by the test.
    given: [bool; 3],
    folder: PathBuf,
    record: Record,
    /// Of a child that was spawned: as long as the command is there.
    using: Vec<Using>,
}

impl Run {
    pub(crate) fn new(command: Command, folder: &Path, record: &Record) -> Self {
        Self {
            command,
            given: [false; 3],
            folder: folder.to_owned(),
            record: record.clone(),
            using: Vec::new(),
        }
    }

    /// As [`Command::arg`].
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// As [`Command::args`].
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.command.args(arguments);
        self
    }

    /// As [`Command::env`].
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(name, value);
        self
    }

    /// As [`Command::envs`].
    pub fn envs<Name: AsRef<OsStr>, Value: AsRef<OsStr>>(
        &mut self,
        variables: impl IntoIterator<Item = (Name, Value)>,
    ) -> &mut Self {
        self.command.envs(variables);
        self
    }

    /// As [`Command::env_remove`].
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.command.env_remove(name);
        self
    }

    /// As [`Command::current_dir`].
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        self.command.current_dir(folder);
        self
    }

    /// As [`Command::stdin`].
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.given[0] = true;
        self.command.stdin(stdin);
        self
    }

    /// As [`Command::stdout`].
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.given[1] = true;
        self.command.stdout(stdout);
        self
    }

    /// As [`Command::stderr`].
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.given[2] = true;
        self.command.stderr(stderr);
        self
    }

    /// As [`Command::output`], and checked; a program that hangs is killed.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn output(&mut self) -> std::io::Result<Output> {
        let output = self.output_in_time()?;
        secrets::plant_folder(&self.folder);
        let who = self.command.get_program().to_string_lossy().into_owned();
        secrets::assert_none(&who, &output.stderr);
        // A secret key goes to stdout only where a key is made.
        if !who.ends_with("age-keygen") {
            secrets::assert_none(&who, &output.stdout);
        }
        Ok(output)
    }

    fn output_in_time(&mut self) -> std::io::Result<Output> {
        let [stdin, stdout, stderr] = self.given;
        if !stdin {
            self.command.stdin(Stdio::null());
        }
        if !stdout {
            self.command.stdout(Stdio::piped());
        }
        if !stderr {
            self.command.stderr(Stdio::piped());
        }
        let _using = self.using();
        let child = self.command.spawn()?;
        let pid = Pid::from_child(&child);
        let (ended, end) = channel::<()>();
        std::thread::scope(|scope| {
            let hung = scope.spawn(move || {
                let hung = end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
                hung && kill_process(pid, Signal::KILL).is_ok()
            });
            let output = child.wait_with_output();
            drop(ended);
            assert!(!hung.join().expect("the watch"), "{:?} hung", self.command);
            output
        })
    }

    /// Whoever runs it has said what its arguments say.
    fn using(&self) -> Using {
        self.record.using(judge::intent(self.command.get_args()))
    }

    /// As [`Command::spawn`]: what the child says, its test checks.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(&mut self) -> std::io::Result<Child> {
        let using = self.using();
        self.using.push(using);
        self.command.spawn()
    }

    /// Of a child that outlives this: what its arguments say, as long as that is kept.
    pub(crate) fn started(self) -> Vec<Using> {
        self.using
    }

    /// As [`Command::status`]: for programs that talk to the terminal.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn status(&mut self) -> std::io::Result<ExitStatus> {
        let _using = self.using();
        self.command.status()
    }
}

//! `dist`: archives of the programs, and the krew manifests that name them.

mod archive;
mod cli;
mod digest;
mod index;
mod manifest;
mod plugin;
mod rules;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Verb};

/// What went wrong, in words.
type Failure = String;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            use std::io::Write;
            let _closed = writeln!(std::io::stderr(), "error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let version = cli.version.as_str();
    match cli.verb {
        Verb::Archive(flags) => {
            archive::write_all(&flags, &cli.out, version)?;
            digest::write_sums(&cli.out)
        }
        Verb::Sums => digest::write_sums(&cli.out),
        Verb::Manifests(flags) => manifest::write_all(&flags, &cli.out, version),
        Verb::Index(flags) => index::write(&cli.out, &flags.index),
    }
}

/// The repository, whose completions and man pages go into the archives.
fn repository() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

fn folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path)
        .map_err(|error| format!("cannot make the folder `{}`: {error}", path.display()))
}

/// Paths in a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unread = |error: std::io::Error| format!("cannot read `{}`: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(unread)?;
    let paths: Result<Vec<_>, _> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let mut paths = paths.map_err(unread)?;
    paths.sort();
    Ok(paths)
}

//! Flags only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::target::Target;

/// Pack the programs into archives, and write the krew manifests that name them
#[derive(Debug, Parser)]
#[command(name = "dist")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Folder of the archives
    #[arg(long, default_value = "target/dist", global = true, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Version in names and manifests, without a `v`
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"), global = true, value_name = "VERSION")]
    pub(crate) version: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// One archive per program and one with all of them, for one target
    Archive(Archive),
    /// The digests of the archives that are there
    Sums,
    /// A krew manifest per plugin, naming the archives that are there
    Manifests(Manifests),
    /// The layout of a custom krew index, of the manifests that are there
    Index(Index),
}

#[derive(Debug, Args)]
pub(crate) struct Archive {
    /// For which system and processor the programs were built, as rustc names it
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Target,
    /// Folder of the programs
    #[arg(long, default_value = "target/release", value_name = "DIR")]
    pub(crate) programs: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Manifests {
    /// Where the archives are published; VERSION in it is replaced
    #[arg(
        long,
        default_value = "https://github.com/etcdbackup/etcdbackup/releases/download/vVERSION",
        value_name = "URL"
    )]
    pub(crate) base_url: String,
}

#[derive(Debug, Args)]
pub(crate) struct Index {
    /// Folder of the index
    #[arg(long, default_value = "target/krew-index", value_name = "DIR")]
    pub(crate) index: PathBuf,
}

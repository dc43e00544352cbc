//! Flags of `link`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Link {
    /// Folder of the links; one that is on PATH
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Replace what is there under these names
    #[arg(long)]
    pub(crate) force: bool,
    /// Remove the links instead
    #[arg(long, conflicts_with = "force")]
    pub(crate) remove: bool,
}

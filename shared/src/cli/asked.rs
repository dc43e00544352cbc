//! What shells, kubectl and the build ask a program, before a flag of it is parsed.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;

use super::completion::Program;
use super::entry::refused;
use super::ui::{Manners, Ui};
use super::{completion, generated};

/// The answer; none: a person called it.
pub(super) fn answered(program: Program, arguments: &[OsString]) -> Option<ExitCode> {
    let (name, words) = arguments.split_first()?;
    let file = Path::new(name).file_name().and_then(OsStr::to_str)?;
    if let Some(plugin) = file.strip_prefix(completion::LINK) {
        let name = OsString::from(format!("kubectl-{plugin}"));
        return Some(written(&completion::for_kubectl(program, &name, words)));
    }
    let shell = std::env::var_os(completion::VARIABLE).filter(|shell| !shell.is_empty());
    if let Some(shell) = shell {
        let text = completion::for_shell(program, &shell, arguments)?;
        return Some(written(&String::from_utf8_lossy(&text)));
    }
    let (first, rest) = words.split_first()?;
    match first.to_str()? {
        completion::WORD => Some(written(&completion::for_kubectl(program, name, rest))),
        completion::REGISTRATION => {
            let shell = completion::Shell::from_str(rest.first()?.to_str()?, false).ok()?;
            Some(written(&completion::registration(file, shell).ok()?))
        }
        generated::REFERENCE => Some(written(&generated::reference((program.factory)()))),
        generated::MANUALS => {
            let folder = Path::new(rest.first()?);
            Some(match generated::manuals((program.factory)(), folder) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => refused(&Ui::new(Manners::default()), &failure),
            })
        }
        _ => None,
    }
}

/// Whoever asks and does not listen to the end has what was wanted.
fn written(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout();
    let _closed = stdout.write_all(text.as_bytes());
    let _closed = stdout.flush();
    ExitCode::SUCCESS
}

//! `completion`: what makes a shell, or kubectl, complete our command lines.

use etcdbackup::cli::completion::{Shell, registration};
use etcdbackup::cli::{Context, PROGRAMS};
use etcdbackup::failure::{Exit, Failure};

use crate::cli::{Completer, Completion};

/// What kubectl starts, where no link can be made: krew makes none.
const FOR_KUBECTL: &str = "#!/bin/sh
# kubectl starts this for `kubectl etcdbackup <TAB>`: save it as kubectl_complete-etcdbackup in a
# folder of PATH, and make it executable.
exec kubectl etcdbackup __complete \"$@\"
";

pub(crate) fn run(completion: &Completion, context: &Context) -> Result<Exit, Failure> {
    let shell = match completion.shell {
        Completer::Bash => Shell::Bash,
        Completer::Zsh => Shell::Zsh,
        Completer::Fish => Shell::Fish,
        Completer::Powershell => Shell::Powershell,
        Completer::Kubectl => {
            context.ui.data(FOR_KUBECTL)?;
            return Ok(Exit::Done);
        }
    };
    for program in PROGRAMS {
        context.ui.data(&registration(program, shell)?)?;
    }
    Ok(Exit::Done)
}

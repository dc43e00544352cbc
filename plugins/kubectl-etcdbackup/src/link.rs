//! `link`: names for what lies beside this program, in a folder of PATH.
//!
//! krew links one program, and only as `kubectl-…`
//! (`kubernetes-sigs/krew:internal/installation/install.go`).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use etcdbackup::cli::{Context, PROGRAMS};
use etcdbackup::failure::{Exit, Failure};

use crate::cli::Link;

/// A link to be.
struct Wanted {
    name: String,
    target: PathBuf,
}

/// What is there under a name.
#[derive(Debug, PartialEq, Eq)]
enum There {
    Nothing,
    /// A link to this program's own folder, or to one that is gone.
    Ours,
    /// The very link that is wanted.
    Done,
    /// Anything else.
    Another,
}

pub(crate) fn run(link: &Link, context: &Context) -> Result<Exit, Failure> {
    let home = home()?;
    let wanted = wanted(&home);
    // As the programs' own folder is written: it must be known again, however it was typed.
    let folder = link.dir.canonicalize().ok().filter(|dir| dir.is_dir());
    let Some(folder) = folder else {
        let what = format!("`{}` is no folder", link.dir.display());
        return Err(Failure::new(Exit::Io, what).hint("make it, and put it on PATH"));
    };
    if link.remove {
        return removed(&folder, &wanted, context);
    }
    // Looked at before the first is made: all or none.
    for one in &wanted {
        let place = folder.join(&one.name);
        if there(&place, &one.target)? == There::Another && !link.force {
            let what = format!("`{}` is there and is not ours", place.display());
            return Err(Failure::new(Exit::Usage, what)
                .hint("choose another folder, or replace it with `--force`"));
        }
    }
    for one in &wanted {
        let place = folder.join(&one.name);
        make(&folder, one)?;
        context.ui.data(&format!("{}\n", place.display()))?;
    }
    let missing = PROGRAMS.iter().filter(|name| !home.join(name).exists());
    let missing: Vec<&str> = missing.copied().collect();
    if !missing.is_empty() {
        let (folder, names) = (home.display(), missing.join(", "));
        context.ui.warn(&format!(
            "not in `{folder}`, so without a link: {names}; the archive of the whole suite has them"
        ));
    }
    Ok(Exit::Done)
}

/// The folder of this program, links followed.
fn home() -> Result<PathBuf, Failure> {
    let unknown = |error: std::io::Error| {
        Failure::new(
            Exit::Io,
            format!("cannot find where this program lies: {error}"),
        )
    };
    let program = std::env::current_exe().and_then(|path| path.canonicalize());
    let program = program.map_err(unknown)?;
    Ok(program.parent().map(Path::to_owned).unwrap_or_default())
}

/// Every program that is there by its name, and what kubectl starts to complete them.
fn wanted(home: &Path) -> Vec<Wanted> {
    let there = PROGRAMS.iter().filter(|name| home.join(name).exists());
    there
        .flat_map(|name| {
            let target = home.join(name);
            let completer = name.strip_prefix("kubectl-").map_or_else(
                || format!("kubectl_complete-{}", plugin(name)),
                |plugin| format!("kubectl_complete-{plugin}"),
            );
            [(*name).to_owned(), completer].map(|name| Wanted {
                name,
                target: target.clone(),
            })
        })
        .collect()
}

/// `talosctl-snapshot-push` is krew's plugin `talos-snapshot-push`, whose file has `_` for `-`.
fn plugin(program: &str) -> String {
    program.replacen("talosctl-", "talos-", 1).replace('-', "_")
}

fn there(place: &Path, target: &Path) -> Result<There, Failure> {
    match place.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(There::Nothing),
        Err(error) => Err(io("look at", place, &error)),
        // In its own folder a program needs no link to itself.
        Ok(_) if place == target => Ok(There::Done),
        Ok(known) if known.is_symlink() => {
            let leads = place
                .read_link()
                .map_err(|error| io("read", place, &error))?;
            Ok(match leads {
                leads if leads == target => There::Done,
                // Left by a version that is gone, or by one that lies elsewhere.
                leads if leads.file_name() == target.file_name() => There::Ours,
                _ => There::Another,
            })
        }
        Ok(_) => Ok(There::Another),
    }
}

fn make(folder: &Path, wanted: &Wanted) -> Result<(), Failure> {
    let place = folder.join(&wanted.name);
    if there(&place, &wanted.target)? == There::Done {
        return Ok(());
    }
    // Beside its name first, then renamed: at no time is the name without a program.
    let new = folder.join(format!(".{}.new", wanted.name));
    let _left = std::fs::remove_file(&new);
    std::os::unix::fs::symlink(&wanted.target, &new)
        .and_then(|()| std::fs::rename(&new, &place))
        .map_err(|error| io("make", &place, &error))
}

fn removed(folder: &Path, wanted: &[Wanted], context: &Context) -> Result<Exit, Failure> {
    for one in wanted {
        let place = folder.join(&one.name);
        let is_link = place
            .symlink_metadata()
            .is_ok_and(|known| known.is_symlink());
        if is_link && there(&place, &one.target)? != There::Another {
            std::fs::remove_file(&place).map_err(|error| io("remove", &place, &error))?;
            context.ui.data(&format!("{}\n", place.display()))?;
        }
    }
    Ok(Exit::Done)
}

fn io(verb: &str, place: &Path, error: &std::io::Error) -> Failure {
    let what = format!("cannot {verb} the link `{}`: {error}", place.display());
    Failure::new(Exit::Io, what).hint("may you write to this folder?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_of_krew_has_a_completer_of_its_own_name() {
        assert_eq!(plugin("talosctl-snapshot-push"), "talos_snapshot_push");
    }

    #[test]
    fn a_link_of_ours_is_told_from_another() {
        let folder = tempfile::tempdir().unwrap();
        let target = Path::new("/opt/etcdbackup/talosctl-snapshot-push");
        let place = folder.path().join("talosctl-snapshot-push");
        let found = || there(&place, target).unwrap();
        assert_eq!(found(), There::Nothing);
        std::os::unix::fs::symlink("/gone/talosctl-snapshot-push", &place).unwrap();
        assert_eq!(found(), There::Ours);
        std::fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink(target, &place).unwrap();
        assert_eq!(found(), There::Done);
        std::fs::remove_file(&place).unwrap();
        std::fs::write(&place, "x").unwrap();
        assert_eq!(found(), There::Another);
    }
}

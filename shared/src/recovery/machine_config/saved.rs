//! Machine configs that were saved: files, or folders of them.

use std::fs;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::facts::ConfigFacts;
use crate::failure::{Exit, Failure};

/// A machine config is some ten thousand bytes; a larger file holds something else.
const LIMIT: u64 = 4 * 1024 * 1024;

/// Reads the named files, and of named folders those that hold a control plane's machine config:
/// what else lies there, as a talosconfig or a worker's, is passed over.
///
/// # Errors
/// 78: a named file is no machine config, or cannot be read; a folder holds none.
pub fn read_saved(places: &[PathBuf]) -> Result<Vec<ConfigFacts>, Failure> {
    let mut found = Vec::new();
    for place in places {
        if place.is_dir() {
            found.extend(of_folder(place)?);
        } else {
            found.push(of_file(place)?);
        }
    }
    Ok(found)
}

fn of_file(path: &Path) -> Result<ConfigFacts, Failure> {
    let shown = path.display().to_string();
    let unread = |error: std::io::Error| {
        Failure::new(Exit::Config, format!("cannot read `{shown}`: {error}"))
            .hint("name saved machine configs, or the folder they are in")
    };
    if fs::metadata(path).map_err(unread)?.len() > LIMIT {
        return Err(unread(std::io::Error::other(
            "too large for a machine config",
        )));
    }
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(unread)?;
    ConfigFacts::read(&text, &shown)
}

fn of_folder(folder: &Path) -> Result<Vec<ConfigFacts>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| {
        Failure::new(
            Exit::Config,
            format!("cannot list `{}`: {error}", folder.display()),
        )
        .hint("check the folder and its rights")
    })?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let read = paths.iter().filter_map(|path| of_file(path).ok());
    let found: Vec<ConfigFacts> = read.filter(|facts| !facts.is_worker()).collect();
    if found.is_empty() {
        return Err(Failure::new(
            Exit::Config,
            format!(
                "`{}` holds no machine config of a control plane",
                folder.display()
            ),
        )
        .hint("name the folder in which they are, or the files"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_what_is_one_and_a_file_must_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let failure = read_saved(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!(failure.exit, Exit::Config);
        let control_plane = "version: v1alpha1\nmachine: {type: controlplane}\n";
        write("b.yaml", control_plane);
        write("a.yaml", control_plane);
        write(
            "worker.yaml",
            "version: v1alpha1\nmachine: {type: worker}\n",
        );
        let other = write("talosconfig", "context: x\ncontexts: {}\n");
        fs::write(folder.path().join("binary"), [0xff; 9]).unwrap();
        let found = read_saved(&[folder.path().to_owned()]).unwrap();
        let names: Vec<&str> = found
            .iter()
            .map(|facts| facts.name.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(names, ["a.yaml", "b.yaml"]);
        for path in [other, folder.path().join("absent")] {
            assert_eq!(read_saved(&[path]).unwrap_err().exit, Exit::Config);
        }
    }
}

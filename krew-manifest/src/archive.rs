//! Archives: flat, of regular files only, the same bytes for the same input.
//!
//! krew unpacks directories and regular files and refuses everything else, and wants a licence
//! under a plain name (`kubernetes-sigs/krew:internal/download/downloader.go`,
//! `cmd/validate-krew-manifest/main.go`).

use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::cli::Archive;
use crate::target::archive_name;
use crate::{Failure, files, folder, plugin, read, repository, write};

/// A file of an archive.
struct Member {
    name: String,
    from: PathBuf,
    /// Permission bits.
    mode: u32,
}

/// Writes one archive per program, and one with all.
pub(crate) fn write_all(flags: &Archive, out: &Path, version: &str) -> Result<(), Failure> {
    folder(out)?;
    let mut programs: Vec<String> = plugin::all()?
        .into_iter()
        .map(|plugin| plugin.program)
        .collect();
    programs.sort();
    for program in &programs {
        let one = std::slice::from_ref(program);
        let members = members(one, &flags.programs)?;
        pack(
            &members,
            &out.join(archive_name(program, version, flags.target)),
        )?;
    }
    let members = members(&programs, &flags.programs)?;
    let all = archive_name("etcdbackup", version, flags.target);
    pack(&members, &out.join(all))
}

/// What goes into the archive of these programs, by name.
fn members(programs: &[String], built: &Path) -> Result<Vec<Member>, Failure> {
    let root = repository();
    let plain = |from: PathBuf| Member {
        name: name_of(&from),
        from,
        mode: 0o644,
    };
    let mut members = vec![plain(root.join("LICENSE"))];
    for program in programs {
        members.push(Member {
            name: program.clone(),
            from: built.join(program),
            mode: 0o755,
        });
        let completions = files(&root.join("completions"))?.into_iter();
        members.extend(
            completions
                .filter(|path| completes(path, program))
                .map(plain),
        );
        let pages = files(&root.join("docs/man"))?.into_iter();
        members.extend(pages.filter(|path| documents(path, program)).map(plain));
    }
    members.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(members)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// `_PROGRAM` for zsh, `PROGRAM.SHELL` for the others.
fn completes(path: &Path, program: &str) -> bool {
    let name = name_of(path);
    name.strip_prefix('_') == Some(program)
        || name
            .rsplit_once('.')
            .is_some_and(|(stem, _)| stem == program)
}

/// `PROGRAM.1`, and `PROGRAM-VERB.1`.
fn documents(path: &Path, program: &str) -> bool {
    let name = name_of(path);
    let rest = name.strip_prefix(program).unwrap_or_default();
    rest.starts_with(['.', '-'])
}

/// No time, owner or order of this machine gets into it.
fn pack(members: &[Member], to: &Path) -> Result<(), Failure> {
    let packed = || -> std::io::Result<Vec<u8>> {
        let gzip = GzBuilder::new()
            .mtime(0)
            .write(Vec::new(), Compression::default());
        let mut tar = Builder::new(gzip);
        for member in members {
            let bytes = std::fs::read(&member.from)?;
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_size(bytes.len() as u64);
            header.set_mode(member.mode);
            header.set_mtime(time());
            header.set_uid(0);
            header.set_gid(0);
            tar.append_data(&mut header, &member.name, bytes.as_slice())?;
        }
        tar.into_inner()?.finish()
    };
    for member in members {
        // Told by name before half an archive is written.
        read(&member.from)?;
    }
    let bytes = packed().map_err(|error| format!("cannot pack `{}`: {error}", to.display()))?;
    write(to, &bytes)
}

/// Seconds since 1970 that files bear: `SOURCE_DATE_EPOCH` (reproducible-builds.org), else none.
fn time() -> u64 {
    let said = std::env::var("SOURCE_DATE_EPOCH").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn packed(folder: &Path) -> Vec<PathBuf> {
        let built = folder.join("built");
        std::fs::create_dir_all(&built).unwrap();
        for plugin in plugin::all().unwrap() {
            std::fs::write(built.join(&plugin.program), &plugin.program).unwrap();
        }
        let flags = Archive {
            target: "x86_64-unknown-linux-gnu".parse().unwrap(),
            programs: built,
        };
        let out = folder.join("out");
        write_all(&flags, &out, "1.2.3").unwrap();
        files(&out).unwrap()
    }

    /// Name, mode, content.
    fn unpacked(path: &Path) -> Vec<(String, u32, Vec<u8>)> {
        let mut tar = tar::Archive::new(GzDecoder::new(std::fs::File::open(path).unwrap()));
        let entries = tar.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().entry_type(), EntryType::Regular);
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (name, entry.header().mode().unwrap(), bytes)
        });
        entries.collect()
    }

    #[test]
    fn an_archive_is_flat_and_has_all_that_belongs_to_its_program() {
        let folder = tempfile::tempdir().unwrap();
        let archives = packed(folder.path());
        assert_eq!(archives.len(), 10);
        for archive in &archives {
            let members = unpacked(archive);
            let names: Vec<&str> = members.iter().map(|(name, ..)| name.as_str()).collect();
            assert!(names.is_sorted() && names.contains(&"LICENSE"), "{names:?}");
            assert!(names.iter().all(|name| !name.contains('/')), "{names:?}");
            let file = name_of(archive);
            let program = file.strip_suffix("-1.2.3-linux-amd64.tar.gz").unwrap();
            if program == "etcdbackup" {
                assert!(names.iter().filter(|name| name.ends_with(".1")).count() > 9);
                continue;
            }
            let (_, mode, bytes) = members.iter().find(|(name, ..)| name == program).unwrap();
            assert_eq!((*mode, bytes.as_slice()), (0o755, program.as_bytes()));
            for beside in [
                format!("_{program}"),
                format!("{program}.bash"),
                format!("{program}.fish"),
                format!("{program}.ps1"),
                format!("{program}.1"),
            ] {
                assert!(names.contains(&beside.as_str()), "{beside}: {names:?}");
            }
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let pairs = packed(one.path()).into_iter().zip(packed(other.path()));
        for (one, other) in pairs {
            assert_eq!(read(&one).unwrap(), read(&other).unwrap(), "{one:?}");
        }
    }
}

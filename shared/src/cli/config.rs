//! The configuration file: named profiles of the same settings the variables hold. Read where
//! it lies, never written.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::env::{self, Form, Variable};
use crate::failure::{Exit, Failure};

/// A configuration file is text of a person: nothing larger is read.
const LIMIT: u64 = 1024 * 1024;

/// Which file and profile, as typed or set.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) file: Option<PathBuf>,
    pub(super) profile: Option<String>,
}

/// One profile, checked: the values of each key.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// For messages: `profile `prod` in `/…/config.yaml``.
    place: String,
    values: BTreeMap<&'static str, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Setting {
    Several(Vec<Value>),
    One(Value),
}

type Settings = BTreeMap<String, Setting>;

impl Profile {
    /// The chosen profile; an empty one where there is no file, or none is chosen.
    pub(super) fn load(
        choice: &Choice,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        let Some(path) = place(choice, variable) else {
            return no_file(choice, "there is no home folder");
        };
        match read(&path) {
            Ok(text) => parse(&text, &path, choice.profile.as_deref()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && choice.file.is_none() => {
                no_file(choice, &format!("`{}` does not exist", path.display()))
            }
            Err(error) => Err(Failure::new(
                Exit::Config,
                format!(
                    "cannot read the configuration `{}`: {error}",
                    path.display()
                ),
            )
            .hint("name another with `--config FILE`")),
        }
    }

    /// The values of a variable's key, and where they stand.
    pub(super) fn get(&self, variable: &Variable) -> Option<(&[String], String)> {
        let values = self.values.get(variable.name)?;
        Some((values, format!("`{}` of {}", variable.key(), self.place)))
    }
}

/// A profile that was asked for must exist; otherwise no file is no matter.
fn no_file(choice: &Choice, why: &str) -> Result<Profile, Failure> {
    match &choice.profile {
        None => Ok(Profile::default()),
        Some(profile) => Err(Failure::new(
            Exit::Config,
            format!("no configuration with profile `{profile}`: {why}"),
        )
        .hint("write one (docs/configuration.md shows how), or name it with `--config FILE`")),
    }
}

/// `--config`, else `$XDG_CONFIG_HOME` or `~/.config`.
fn place(choice: &Choice, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    choice.file.clone().or_else(|| {
        let base = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
        Some(base.join("etcdbackup/config.yaml"))
    })
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let count = std::fs::File::open(path)?
        .take(LIMIT + 1)
        .read_to_string(&mut text)?;
    if count as u64 > LIMIT {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

fn parse(text: &str, path: &Path, chosen: Option<&str>) -> Result<Profile, Failure> {
    let shown = path.display();
    let wrong =
        |what: String| Failure::new(Exit::Config, format!("configuration `{shown}`: {what}"));
    if text.trim().is_empty() {
        return no_file(
            &Choice {
                file: None,
                profile: chosen.map(str::to_owned),
            },
            "the file is empty",
        );
    }
    let mut top: BTreeMap<String, Value> = serde_saphyr::from_str(text).map_err(|error| {
        // The parser's own words could quote what stands there.
        let line = error.location().map_or(0, |location| location.line());
        wrong(format!("not readable as YAML near line {line}"))
            .hint("it holds `profile: NAME` and `profiles:`, see docs/configuration.md")
    })?;
    let preset = top.remove("profile");
    let profiles = top.remove("profiles").unwrap_or(Value::Null);
    if let Some(key) = top.keys().next() {
        return Err(wrong(format!("`{key}` does not stand at its top"))
            .hint("settings belong under `profiles:` and a name; beside it only `profile: NAME`"));
    }
    let profiles: Option<BTreeMap<String, Option<Settings>>> = serde_json::from_value(profiles)
        .map_err(|_| {
            wrong("`profiles` is not names with settings below them".to_owned())
                .hint("see docs/configuration.md for an example")
        })?;
    let mut checked = BTreeMap::new();
    for (name, settings) in profiles.unwrap_or_default() {
        let place = format!("profile `{name}` in `{shown}`");
        let values = check(settings.unwrap_or_default(), &place, path.parent())?;
        checked.insert(name, Profile { place, values });
    }
    let preset = preset.and_then(|name| name.as_str().map(str::to_owned));
    let Some(name) = chosen.map(str::to_owned).or(preset) else {
        return Ok(Profile::default());
    };
    let known: Vec<String> = checked.keys().map(|name| format!("`{name}`")).collect();
    checked.remove(&name).ok_or_else(|| {
        wrong(format!("profile `{name}` is not in it")).hint(if known.is_empty() {
            "it has no profiles".to_owned()
        } else {
            format!("it has {}", known.join(", "))
        })
    })
}

/// Every profile is checked, the chosen one or not: a mistake shows before it is needed.
fn check(
    settings: Settings,
    place: &str,
    folder: Option<&Path>,
) -> Result<BTreeMap<&'static str, Vec<String>>, Failure> {
    let mut values = BTreeMap::new();
    for (key, setting) in settings {
        let Some(variable) = env::find_key(&key) else {
            return Err(unknown(&key, place));
        };
        let (several, given) = match setting {
            Setting::Several(given) => (true, given),
            Setting::One(given) => (false, vec![given]),
        };
        let texts: Option<Vec<String>> = given.iter().map(text_of).collect();
        let fits = matches!(variable.form, Form::Texts | Form::Words | Form::Files) || !several;
        let Some(texts) = texts.filter(|_| fits) else {
            return Err(Failure::new(
                Exit::Config,
                format!("`{key}` of {place} is not a {}", shape(variable.form)),
            )
            .hint("see docs/configuration.md for an example"));
        };
        let texts = if several {
            texts
        } else {
            split(variable.form, &texts.concat())
        };
        let resolved = texts.into_iter().map(|text| match variable.form {
            Form::File | Form::Files => resolve(&text, folder),
            _ => text,
        });
        values.insert(variable.name, resolved.collect());
    }
    Ok(values)
}

fn unknown(key: &str, place: &str) -> Failure {
    if env::GUARDS.contains(&key) {
        return Failure::new(
            Exit::Config,
            format!("`{key}` in {place} would lower a guard"),
        )
        .hint(format!(
            "take it out: `--{key}` is said on the command line only"
        ));
    }
    let failure = Failure::new(Exit::Config, format!("`{key}` in {place} is not a setting"));
    let secret = [
        "secret",
        "password",
        "passphrase",
        "token",
        "access-key",
        "private",
    ];
    if secret
        .iter()
        .any(|word| key.to_ascii_lowercase().replace('_', "-").contains(word))
    {
        return failure.hint("secrets do not belong here: use the AWS files, their variables, or a file that `identity` names");
    }
    let keys = env::ALL.iter().filter(|variable| variable.is_key());
    let nearest = keys.map(Variable::key).max_by(|left, right| {
        strsim::jaro_winkler(key, left).total_cmp(&strsim::jaro_winkler(key, right))
    });
    failure.hint(format!("the nearest is `{}`", nearest.unwrap_or_default()))
}

fn shape(form: Form) -> &'static str {
    match form {
        Form::Text => "text",
        Form::Switch => "`true` or `false`",
        Form::File => "path",
        Form::Texts | Form::Words => "list of texts",
        Form::Files => "list of paths",
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The values in one text of a variable or key.
pub(super) fn split(form: Form, text: &str) -> Vec<String> {
    let pieces: Vec<&str> = match form {
        Form::Text | Form::Switch | Form::File => vec![text],
        Form::Texts => text.split([',', '\n']).collect(),
        Form::Files => text.split(',').collect(),
        Form::Words => text.split_whitespace().collect(),
    };
    let pieces = pieces
        .into_iter()
        .map(str::trim)
        .filter(|piece| !piece.is_empty());
    pieces.map(str::to_owned).collect()
}

/// A path as the file means it: below its own folder, or the home folder for `~/`.
fn resolve(text: &str, folder: Option<&Path>) -> String {
    if text == "-" {
        return text.to_owned();
    }
    let path = match text.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().map(|home| home.join(rest)),
        None => folder.map(|folder| folder.join(text)),
    };
    path.map_or_else(
        || text.to_owned(),
        |path| path.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "
profile: prod
profiles:
  prod:
    destination: [s3://backups/prod, file:///mnt/nas]
    recipients-file: recipients.txt
    nodes: 10.0.0.2,10.0.0.3
    s3-ca-file: /etc/ca.pem
    min-copies: 1
    no-manifest: true
  lab:
    destination: s3://a s3://b
  empty:
";

    fn profile(text: &str, chosen: Option<&str>) -> Result<Profile, Failure> {
        parse(text, Path::new("/etc/eb/config.yaml"), chosen)
    }

    fn values(profile: &Profile, name: &str) -> Vec<String> {
        let found = profile.get(env::find(name).unwrap());
        found.map(|(values, _)| values.to_vec()).unwrap_or_default()
    }

    #[test]
    fn a_profile_holds_texts_lists_paths_and_switches() {
        let prod = profile(SAMPLE, None).unwrap();
        assert_eq!(
            values(&prod, env::DESTINATION),
            ["s3://backups/prod", "file:///mnt/nas"]
        );
        assert_eq!(
            values(&prod, env::RECIPIENTS_FILE),
            ["/etc/eb/recipients.txt"]
        );
        assert_eq!(values(&prod, env::S3_CA_FILE), ["/etc/ca.pem"]);
        assert_eq!(values(&prod, env::NODES), ["10.0.0.2", "10.0.0.3"]);
        assert_eq!(values(&prod, env::MIN_COPIES), ["1"]);
        assert_eq!(values(&prod, env::NO_MANIFEST), ["true"]);
        let (_, place) = prod.get(env::find(env::NODES).unwrap()).unwrap();
        assert_eq!(place, "`nodes` of profile `prod` in `/etc/eb/config.yaml`");
        let lab = profile(SAMPLE, Some("lab")).unwrap();
        assert_eq!(values(&lab, env::DESTINATION), ["s3://a", "s3://b"]);
        assert!(values(&profile(SAMPLE, Some("empty")).unwrap(), env::NODES).is_empty());
    }

    #[test]
    fn mistakes_are_configuration_errors_that_say_where() {
        let in_a = |line: &str| format!("profiles:\n  a:\n    {line}\n");
        let cases = [
            (
                in_a("recipient-file: x"),
                "`recipient-file` in profile `a`",
                "`recipients-file`",
            ),
            (
                in_a("no-encrypt: true"),
                "lower a guard",
                "`--no-encrypt` is said on the command line only",
            ),
            (in_a("force: true"), "lower a guard", "command line"),
            (
                in_a("aws_secret_access_key: planted"),
                "not a setting",
                "secrets do not belong here",
            ),
            (
                in_a("nodes: {a: 1}"),
                "`nodes` of profile `a`",
                "docs/configuration.md",
            ),
            (
                in_a("s3-region: [a, b]"),
                "is not a text",
                "docs/configuration.md",
            ),
            (
                "nodes: a\n".to_owned(),
                "`nodes` does not stand at its top",
                "profiles:",
            ),
            (
                "profiles: [a]\n".to_owned(),
                "`profiles` is not",
                "docs/configuration.md",
            ),
            (
                "profiles:\n  a: {nodes: x\n".to_owned(),
                "not readable as YAML",
                "profiles:",
            ),
            (
                "profile: b\nprofiles:\n  a:\n".to_owned(),
                "profile `b` is not in it",
                "it has `a`",
            ),
        ];
        for (text, what, hint) in cases {
            let failure = profile(&text, None).unwrap_err();
            assert_eq!(failure.exit, Exit::Config, "{text}");
            assert!(failure.what.contains(what), "{}", failure.what);
            assert!(
                failure.what.contains("/etc/eb/config.yaml"),
                "{}",
                failure.what
            );
            assert!(
                failure.hint.as_deref().unwrap().contains(hint),
                "{:?}",
                failure.hint
            );
            assert!(!format!("{failure:?}").contains("planted"));
        }
    }

    #[test]
    fn a_missing_file_matters_only_when_it_was_asked_for() {
        let home = tempfile::tempdir().unwrap();
        let variable = |name: &str| (name == "HOME").then(|| home.path().as_os_str().to_owned());
        assert!(Profile::load(&Choice::default(), variable).is_ok());
        let asked = Choice {
            profile: Some("prod".into()),
            ..Choice::default()
        };
        let failure = Profile::load(&asked, variable).unwrap_err();
        assert!(
            failure.what.contains(".config/etcdbackup/config.yaml"),
            "{}",
            failure.what
        );
        let named = Choice {
            file: Some(home.path().join("absent.yaml")),
            ..Choice::default()
        };
        assert_eq!(
            Profile::load(&named, variable).unwrap_err().exit,
            Exit::Config
        );
        let folder = home.path().join("xdg/etcdbackup");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.yaml"), SAMPLE).unwrap();
        let xdg = |name: &str| (name == "XDG_CONFIG_HOME").then(|| home.path().join("xdg").into());
        let found = Profile::load(&Choice::default(), xdg).unwrap();
        assert_eq!(values(&found, env::NODES), ["10.0.0.2", "10.0.0.3"]);
    }
}

//! Flag before variable before configuration file before default.
//!
//! What a variable or the file says becomes the default of its argument, so that clap's own
//! rules hold for what was typed, and only for that. Each value is tried before: a wrong one is
//! told with the place it stands at.

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command};

use super::config::{Choice, Profile, split};
use super::env::{self, Form, Variable};
use crate::failure::{Exit, Failure};

/// Variables and the chosen profile.
pub(super) struct Settings<Read> {
    variable: Read,
    profile: Profile,
}

/// Values and where they stand.
struct Given {
    values: Vec<String>,
    place: String,
}

impl<Read: Fn(&str) -> Option<OsString>> Settings<Read> {
    /// Reads the configuration file that `arguments` or the variables choose.
    pub(super) fn load(arguments: &[OsString], variable: Read) -> Result<Self, Failure> {
        let said = |flag: &str, name: &str| typed(arguments, flag).or_else(|| set(&variable, name));
        let choice = Choice {
            file: said("--config", env::CONFIG).map(Into::into),
            profile: said("--profile", env::PROFILE)
                .map(|name| name.to_string_lossy().into_owned()),
        };
        let profile = Profile::load(&choice, &variable)?;
        Ok(Self { variable, profile })
    }

    /// `command` with defaults from variables and profile, sub-commands included.
    pub(super) fn apply(&self, command: Command) -> Result<Command, Failure> {
        let mut trouble = None;
        let command = command.mut_args(|argument| {
            let before = argument.clone();
            self.with_default(argument).unwrap_or_else(|failure| {
                trouble.get_or_insert(failure);
                before
            })
        });
        if let Some(failure) = trouble {
            return Err(failure);
        }
        let names: Vec<String> = command
            .get_subcommands()
            .map(|verb| verb.get_name().to_owned())
            .collect();
        names.iter().try_fold(command, |command, name| {
            let mut failed = None;
            let command = command.mut_subcommand(name, |verb| {
                let before = verb.clone();
                self.apply(verb).unwrap_or_else(|failure| {
                    failed = Some(failure);
                    before
                })
            });
            failed.map_or(Ok(command), Err)
        })
    }

    fn with_default(&self, argument: Arg) -> Result<Arg, Failure> {
        let name = argument.get_env().and_then(|name| name.to_str());
        let Some(variable) = name.and_then(env::find) else {
            return Ok(argument);
        };
        // The value is ours to read: clap would split no list, and call it typed.
        let argument = argument.env(None::<&str>);
        let Some(given) = self.given(variable)? else {
            return Ok(argument);
        };
        let values = match variable.form {
            Form::Switch => vec![switch(variable, &given)?.to_string()],
            _ => given.values.clone(),
        };
        for value in &values {
            try_value(&argument, value).map_err(|reason| wrong(&given, value, &reason))?;
        }
        let several = matches!(argument.get_action(), ArgAction::Append)
            || argument
                .get_num_args()
                .is_some_and(|count| count.max_values() > 1);
        if values.len() > 1 && !several {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "{} holds {} values, and one is needed",
                    given.place,
                    values.len()
                ),
            )
            .hint(format!(
                "choose one at the command line: {}",
                values.join(" or ")
            )));
        }
        Ok(argument.required(false).default_values(values))
    }

    fn given(&self, variable: &Variable) -> Result<Option<Given>, Failure> {
        if let Some(text) = set(&self.variable, variable.name) {
            let text = text.into_string().map_err(|_| {
                Failure::new(Exit::Config, format!("{} is not UTF-8", variable.name))
                    .hint("write it anew, or use the flag")
            })?;
            let values = split(variable.form, &text);
            let place = variable.name.to_owned();
            return Ok((!values.is_empty()).then_some(Given { values, place }));
        }
        let found = self.profile.get(variable);
        Ok(found.map(|(values, place)| Given {
            values: values.to_vec(),
            place,
        }))
    }
}

/// A variable that is set to something.
fn set(variable: impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.is_empty())
}

/// The last value typed for a long flag, before anything is parsed.
pub(super) fn typed(arguments: &[OsString], flag: &str) -> Option<OsString> {
    let mut found = None;
    let mut left = arguments.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = left.next() {
        if word == flag {
            found = left.next().cloned();
        } else if let Some(value) = word
            .to_str()
            .and_then(|word| word.strip_prefix(flag)?.strip_prefix('='))
        {
            found = Some(value.into());
        }
    }
    found
}

fn switch(variable: &Variable, given: &Given) -> Result<bool, Failure> {
    let value = given.values.concat();
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(wrong(
            given,
            &value,
            &format!("`{}` is on or off", variable.flag),
        )),
    }
}

fn wrong(given: &Given, value: &str, reason: &str) -> Failure {
    Failure::new(Exit::Config, format!("{} cannot be `{value}`", given.place)).hint(reason)
}

/// Whether `argument` takes `value`; if not, why.
fn try_value(argument: &Arg, value: &str) -> Result<(), String> {
    let parser: ValueParser = argument.get_value_parser().clone();
    let alone = Arg::new("value")
        .long("value")
        .num_args(1)
        .allow_hyphen_values(true)
        .value_parser(parser);
    let tried = Command::new("")
        .arg(alone)
        .try_get_matches_from(["", &format!("--value={value}")]);
    tried.map(drop).map_err(|error| {
        let text = error.render().to_string();
        let possible = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("[possible values: "));
        match possible {
            Some(values) => format!("one of {}", values.trim_end_matches(']')),
            None => text
                .lines()
                .next()
                .and_then(|line| line.rsplit_once(": "))
                .map_or_else(
                    || "see `--help`".to_owned(),
                    |(_, reason)| reason.to_owned(),
                ),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Sample {
        #[arg(required = true, env = env::DESTINATION)]
        destinations: Vec<String>,
        #[arg(short, long, env = env::NODES, value_delimiter = ',')]
        nodes: Vec<String>,
        #[arg(long, env = env::MIN_COPIES)]
        min_copies: Option<usize>,
        #[arg(long, env = env::DIRECT)]
        direct: bool,
        #[arg(long, env = env::S3_PATH_STYLE, value_parser = ["auto", "path"], default_value = "auto")]
        s3_path_style: String,
        #[arg(long, env = env::FILE, conflicts_with = "destinations")]
        file: Option<String>,
    }

    fn parse(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Sample, Failure> {
        let arguments: Vec<OsString> = ["sample"].iter().chain(arguments).map(Into::into).collect();
        let read = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let command = Settings::load(&arguments, read)?.apply(Sample::command())?;
        let matches = command.try_get_matches_from(arguments).unwrap();
        Ok(Sample::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_a_variable_over_a_default() {
        let set = [
            (env::DESTINATION, "s3://one/a file:///two"),
            (env::NODES, "a,b"),
            (env::MIN_COPIES, "2"),
            (env::DIRECT, "yes"),
            (env::S3_PATH_STYLE, "path"),
        ];
        let sample = parse(&[], &set).unwrap();
        assert_eq!(sample.destinations, ["s3://one/a", "file:///two"]);
        assert_eq!(sample.nodes, ["a", "b"]);
        assert_eq!((sample.min_copies, sample.direct), (Some(2), true));
        assert_eq!(sample.s3_path_style, "path");
        let typed = [
            "file:///my nas",
            "-n",
            "c",
            "--min-copies",
            "1",
            "--s3-path-style",
            "auto",
        ];
        let sample = parse(&typed, &set).unwrap();
        assert_eq!(sample.destinations, ["file:///my nas"]);
        assert_eq!(sample.nodes, ["c"]);
        assert_eq!(sample.min_copies, Some(1));
        assert_eq!(sample.s3_path_style, "auto");
        let sample = parse(&["--file", "x"], &set).unwrap();
        assert_eq!(sample.file.as_deref(), Some("x"));
    }

    #[test]
    fn a_wrong_variable_is_named_with_what_it_can_be() {
        for (name, value, hint) in [
            (env::MIN_COPIES, "many", "invalid digit"),
            (env::DIRECT, "perhaps", "on or off"),
            (env::S3_PATH_STYLE, "sideways", "one of auto, path"),
        ] {
            let failure = parse(&["s3://b/p"], &[(name, value)]).unwrap_err();
            assert_eq!(failure.exit, Exit::Config);
            assert_eq!(failure.what, format!("{name} cannot be `{value}`"));
            assert!(
                failure.hint.as_deref().unwrap().contains(hint),
                "{:?}",
                failure.hint
            );
        }
    }

    #[test]
    fn a_profile_stands_between_variable_and_default() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        let text = "profiles:\n  a:\n    destination: s3://file/a\n    min-copies: 3\n  b:\n    s3-path-style: up\n";
        std::fs::write(&file, text).unwrap();
        let set = [
            (env::CONFIG, file.to_str().unwrap()),
            (env::PROFILE, "a"),
            (env::MIN_COPIES, "1"),
        ];
        let sample = parse(&[], &set).unwrap();
        assert_eq!(sample.destinations, ["s3://file/a"]);
        assert_eq!(sample.min_copies, Some(1));
        assert_eq!(parse(&[], &set[..2]).unwrap().min_copies, Some(3));
        let set = [(env::CONFIG, file.to_str().unwrap()), (env::PROFILE, "b")];
        let failure = parse(&["s3://x/y"], &set).unwrap_err();
        assert!(
            failure
                .what
                .starts_with("`s3-path-style` of profile `b` in `"),
            "{}",
            failure.what
        );
    }

    #[test]
    fn the_last_typed_value_is_found() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            typed(&words("p --config a --config=b"), "--config").unwrap(),
            "b"
        );
        assert_eq!(typed(&words("p -x --profile"), "--profile"), None);
        assert_eq!(typed(&words("p -- --config a"), "--config"), None);
        assert_eq!(typed(&words("p --configure=a"), "--config"), None);
    }
}

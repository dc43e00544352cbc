//! Parsing of the command line, and what is wrong with it in two lines.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::called::Called;
use super::flags::ColorFlag;
use super::settings::{Settings, typed};
use crate::failure::{Exit, Failure};

/// Width of help, so that it reads alike everywhere.
const COLUMNS: usize = 80;

/// On a narrow terminal as wide as that.
fn columns() -> usize {
    let told = rustix::termios::tcgetwinsize(std::io::stdout());
    match told.map_or(0, |size| usize::from(size.ws_col)) {
        0 => COLUMNS,
        columns => columns.min(COLUMNS),
    }
}

/// What parsing ended with.
pub(super) enum Parsed {
    /// Flags, variables and configuration are good.
    Matches(ArgMatches),
    /// Help or version, for stdout.
    Shown(clap::Error),
    /// No sub-command: help, for stderr.
    Asked(clap::Error),
    /// Refused.
    Refused(Failure),
}

/// Parses `arguments`, with what variables and the configuration file say.
pub(super) fn parse(command: Command, called: &Called, arguments: &[OsString]) -> Parsed {
    let arguments = &help_asked(&command, arguments);
    let asks = |words: &[&str]| {
        let mut typed = arguments.iter().skip(1).take_while(|word| *word != "--");
        typed.any(|word| words.iter().any(|asked| word == asked))
    };
    let long = asks(&["--help"]);
    let command = called
        .name(command)
        .version(version())
        .term_width(columns())
        .color(color(arguments));
    let command = versioned(documented(command, long)).disable_help_subcommand(true);
    // Who asks for help shall get it, whatever a configuration file holds.
    let command = if long || asks(&["-h", "-V", "--version"]) {
        command
    } else {
        let settings = Settings::load(arguments, |name| std::env::var_os(name));
        match settings.and_then(|settings| settings.apply(command)) {
            Ok(command) => command,
            Err(failure) => return Parsed::Refused(failure),
        }
    };
    match command.try_get_matches_from(arguments) {
        Ok(matches) => Parsed::Matches(matches),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Parsed::Shown(error),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Parsed::Asked(error),
            _ => Parsed::Refused(refused(&error, called)),
        },
    }
}

/// `help VERB` as `VERB --help`: a row less on a screen of few.
fn help_asked(command: &Command, arguments: &[OsString]) -> Vec<OsString> {
    match arguments {
        [name, word, verbs @ ..] if word == "help" && command.has_subcommands() => {
            let asked = verbs.iter().cloned().chain(["--help".into()]);
            [name.clone()].into_iter().chain(asked).collect()
        }
        _ => arguments.to_vec(),
    }
}

/// Version, commit where the build knows it, target and TLS provider.
fn version() -> String {
    let commit = option_env!("ETCDBACKUP_COMMIT")
        .map_or(String::new(), |commit| format!("commit {commit}, "));
    let (architecture, system) = (std::env::consts::ARCH, std::env::consts::OS);
    format!(
        "{} ({commit}{architecture}-{system}, TLS by aws-lc-rs)",
        env!("CARGO_PKG_VERSION")
    )
}

/// A command whose help is complete, for who writes it down.
pub(super) fn complete_help(command: Command) -> Command {
    versioned(documented(command.term_width(COLUMNS), true))
}

/// `-V` is known to whoever needs it: on the short screen it has no row.
fn versioned(command: Command) -> Command {
    let flag = Arg::new("version").short('V').long("version");
    let flag = flag.help("Print version").action(ArgAction::Version);
    command
        .disable_version_flag(true)
        .arg(flag.hide_short_help(true))
}

/// `--help` is complete: groups, variables (by name only), exit codes. `-h` fits a screen.
fn documented(command: Command, long: bool) -> Command {
    let command = command.mut_args(|argument| {
        let argument = argument.hide_env(!long).hide_env_values(true);
        if long {
            argument
        } else {
            argument.help_heading(None::<&str>)
        }
    });
    command
        .after_long_help(exit_codes())
        .mut_subcommands(|verb| documented(verb, long))
}

fn exit_codes() -> String {
    let rows = Exit::ALL
        .iter()
        .map(|exit| format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    format!("Exit codes:\n{}", rows.collect::<String>())
}

fn color(arguments: &[OsString]) -> clap::ColorChoice {
    let said = typed(arguments, "--color");
    let said = said.and_then(|when| clap::ValueEnum::from_str(when.to_str()?, true).ok());
    match said.unwrap_or_default() {
        ColorFlag::Auto => clap::ColorChoice::Auto,
        ColorFlag::Always => clap::ColorChoice::Always,
        ColorFlag::Never => clap::ColorChoice::Never,
    }
}

/// clap's several paragraphs as our two lines.
fn refused(error: &clap::Error, called: &Called) -> Failure {
    let see = format!("see `{} --help`", called.program());
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && let Some(meant) = called.meant(flag)
    {
        return Failure::new(
            Exit::Usage,
            format!("`{flag}` means something else to kubectl"),
        )
        .hint(format!("for Talos write `{meant}`; {see}"));
    }
    let text = error.render().to_string();
    let mut lines = text.lines();
    let first = lines
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    // Missing arguments are named one a line below.
    let below: Vec<&str> = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect();
    let tip = lines.find_map(|line| line.trim().strip_prefix("tip: "));
    let what = format!("{first} {}", below.join(", "))
        .trim()
        .replace('\'', "`");
    let hint = tip.map_or(see.clone(), |tip| {
        format!("{}; {see}", tip.replace('\'', "`"))
    });
    Failure::new(Exit::Usage, what).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Command {
        Command::new("talosctl-sample")
            .arg(Arg::new("nodes").short('n').long("nodes"))
            .arg(Arg::new("context").long("context"))
            .arg(Arg::new("force").long("force").action(ArgAction::SetTrue))
            .arg(
                Arg::new("count")
                    .long("count")
                    .value_parser(clap::value_parser!(u8)),
            )
            .arg(Arg::new("dest").required(true))
    }

    fn refusal(line: &[&str]) -> Failure {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        match parse(sample(), &Called::new(&arguments), &arguments) {
            Parsed::Refused(failure) => failure,
            _ => panic!("not refused"),
        }
    }

    #[test]
    fn mistakes_are_two_lines() {
        let see = "see `talosctl-sample --help`";
        for (words, what, hint) in [
            (
                &["--forse", "d"][..],
                "unexpected argument `--forse` found",
                &format!("a similar argument exists: `--force`; {see}"),
            ),
            (
                &[],
                "the following required arguments were not provided: <dest>",
                &see.to_owned(),
            ),
            (
                &["d", "--count", "x"],
                "invalid value `x` for `--count <count>`: invalid digit found in string",
                &see.to_owned(),
            ),
        ] {
            let failure = refusal(&[&["/bin/talosctl-sample"], words].concat());
            assert_eq!(failure.exit, Exit::Usage);
            assert_eq!(failure.what, what);
            assert_eq!(failure.hint.as_deref(), Some(hint.as_str()));
        }
    }

    #[test]
    fn under_kubectl_the_flags_of_kubectl_are_not_ours() {
        for (flag, meant) in [("-n", "`--nodes`"), ("--context", "`--talos-context`")] {
            let failure = refusal(&["/bin/kubectl-talos_sample", flag, "x", "d"]);
            assert!(
                failure.hint.as_deref().unwrap().contains(meant),
                "{failure:?}"
            );
            assert!(
                failure
                    .hint
                    .unwrap()
                    .ends_with("`kubectl talos-sample --help`")
            );
        }
        let arguments: Vec<OsString> = [
            "/bin/kubectl-talos_sample",
            "--nodes",
            "a",
            "--talos-context",
            "b",
            "d",
        ]
        .map(OsString::from)
        .into();
        assert!(matches!(
            parse(sample(), &Called::new(&arguments), &arguments),
            Parsed::Matches(_)
        ));
    }

    #[test]
    fn the_version_names_target_and_provider() {
        let version = version();
        assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{version}");
        assert!(
            version.contains(std::env::consts::ARCH) && version.contains("aws-lc-rs"),
            "{version}"
        );
    }
}

//! The command of each step by itself, as a person would type it: a conversation that breaks off
//! leaves what goes on.

use etcdbackup::cli::flags::PathStyleFlag;
use etcdbackup::cli::shell;

use crate::cli::RecoverGuide;

/// Command lines with the flags that this program was given.
pub(crate) struct Commands {
    reach: Vec<String>,
    nodes: Vec<String>,
    keys: Vec<String>,
    store: Vec<String>,
    dry_run: bool,
}

impl Commands {
    pub(crate) fn new(cli: &RecoverGuide) -> Self {
        let reach = &cli.recover.reach;
        let list = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
        let path = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| path.display().to_string())
        };
        Self {
            reach: options(&[
                ("-e", list(&reach.endpoints)),
                ("--context", reach.context.clone()),
                ("--talosconfig", path(&reach.talosconfig)),
                ("--lost", list(&reach.lost)),
            ]),
            nodes: options(&[("-n", list(&cli.recover.nodes))]),
            keys: options(&[("--machine-config", path(&cli.proof.machine_config))]),
            store: options(&[
                ("--s3-endpoint", cli.stored.store.s3_endpoint.clone()),
                ("--s3-region", cli.stored.store.s3_region.clone()),
                ("--s3-path-style", style(cli.stored.store.s3_path_style)),
                ("--s3-ca-file", path(&cli.stored.store.s3_ca_file)),
                ("--s3-profile", cli.stored.store.s3_profile.clone()),
            ]),
            dry_run: cli.dry_run,
        }
    }

    /// A sentence of the check, with the snapshot at hand.
    pub(crate) fn check(&self, sentence: &str, file: Option<&str>) -> String {
        let keys: &[String] = if file.is_some() { &self.keys } else { &[] };
        let words = [Some(sentence), file].into_iter().flatten();
        line(
            "talosctl-recover-check",
            words,
            &[keys, &self.nodes, &self.reach],
        )
    }

    pub(crate) fn list(&self, destinations: &[String]) -> String {
        let words = std::iter::once("list").chain(destinations.iter().map(String::as_str));
        line("kubectl-etcdbackup", words, &[&self.store])
    }

    pub(crate) fn pull(&self, url: &str, identities: &[String], file: &str) -> String {
        let keys = identities.iter().flat_map(|file| ["-i", file]);
        let words = std::iter::once(url).chain(keys).chain(["-o", file]);
        line("talosctl-snapshot-pull", words, &[&self.store])
    }

    pub(crate) fn diff(&self, older: &str, newer: &str) -> String {
        let words = ["diff", older, newer];
        line("talosctl-snapshot-inspect", words, &[&self.keys])
    }

    pub(crate) fn wipe(&self, nodes: &[String], file: &str, more: &[String]) -> String {
        let nodes = nodes.join(",");
        let words = ["-n", nodes.as_str(), "--restore-from", file];
        let words = words.into_iter().chain(more.iter().map(String::as_str));
        line(
            "talosctl-recover-wipe",
            words.chain(self.dry()),
            &[&self.keys, &self.reach],
        )
    }

    pub(crate) fn bootstrap(&self, node: &str, file: &str) -> String {
        line(
            "talosctl-recover-bootstrap",
            ["-n", node, file].into_iter().chain(self.dry()),
            &[&self.keys, &self.reach],
        )
    }

    fn dry(&self) -> Option<&'static str> {
        self.dry_run.then_some("--dry-run")
    }
}

fn style(flag: PathStyleFlag) -> Option<String> {
    match flag {
        PathStyleFlag::Auto => None,
        PathStyleFlag::Path => Some("path".to_owned()),
        PathStyleFlag::Virtual => Some("virtual".to_owned()),
    }
}

fn options(all: &[(&str, Option<String>)]) -> Vec<String> {
    let given = all
        .iter()
        .filter_map(|(flag, value)| Some([(*flag).to_owned(), value.clone()?]));
    given.flatten().collect()
}

fn line<'a>(
    program: &str,
    words: impl IntoIterator<Item = &'a str>,
    more: &[&'a [String]],
) -> String {
    let more = more.iter().flat_map(|words| words.iter());
    shell(program, words.into_iter().chain(more.map(String::as_str)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_step_is_told_with_what_was_said_here() {
        let cli = RecoverGuide::try_parse_from([
            "talosctl-recover-guide",
            "s3://b/p",
            "-n",
            "10.0.0.5",
            "-e",
            "10.0.0.2,10.0.0.3",
            "--lost",
            "10.0.0.4",
            "--machine-config",
            "my config.yaml",
            "--s3-region",
            "eu",
        ])
        .unwrap();
        let commands = Commands::new(&cli);
        let reach = "-e 10.0.0.2,10.0.0.3 --lost 10.0.0.4";
        assert_eq!(
            commands.check("unrecoverable", None),
            format!("talosctl-recover-check unrecoverable -n 10.0.0.5 {reach}")
        );
        assert_eq!(
            commands.pull("s3://b/p/x", &["key.txt".to_owned()], "x.snapshot"),
            "talosctl-snapshot-pull s3://b/p/x -i key.txt -o x.snapshot --s3-region eu"
        );
        assert_eq!(
            commands.bootstrap("10.0.0.2", "x.snapshot"),
            format!(
                "talosctl-recover-bootstrap -n 10.0.0.2 x.snapshot --machine-config 'my config.yaml' {reach}"
            )
        );
    }
}

//! What is wrong with objects, as a table; with ours, as warnings and a refusal.

use std::io::Read as _;

use etcdbackup::cli::Context;
use etcdbackup::cli::text::wrapped;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::manifests::lint::{Finding, Network, Objects, Severity, lint};
use etcdbackup::manifests::{Document, Installation, objects};

/// Of a file or stdin. Exit 78 when something is to be refused.
pub(super) fn of_file(
    place: &str,
    networks: &[String],
    context: &Context,
) -> Result<Exit, Failure> {
    let (text, source) = read(place)?;
    let found = lint(&Objects::read(&text, &source)?, &parsed(networks)?);
    context.ui.report(&table(&found))?;
    let refused = found
        .iter()
        .any(|finding| finding.severity == Severity::Refuse);
    if found.is_empty() {
        context
            .ui
            .note(&format!("nothing is wrong with the backup in {source}"));
    }
    Ok(if refused { Exit::Config } else { Exit::Done })
}

/// A row each, as other findings are shown: what was seen, and below it what to do.
fn table(found: &[Finding]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let rules = found.iter().map(|finding| finding.rule.len());
    let width = rules.max().unwrap_or(0).max("CHECK".len());
    let row = |state: &str, rule: &str| format!("{state:<6}   {rule:<width$}   ");
    let below = row("", "");
    let mut text = row("STATE", "CHECK") + "FINDING\n";
    for finding in found {
        let state = match finding.severity {
            Severity::Warn => "warn",
            Severity::Refuse => "refuse",
        };
        let what = format!("{}: {}", finding.object, finding.what);
        text += &wrapped(&row(state, finding.rule), &below, &what);
        text += &wrapped(
            &format!("{below}hint: "),
            &format!("{below}  "),
            &finding.hint,
        );
    }
    text
}

fn read(place: &str) -> Result<(String, String), Failure> {
    let (source, read) = if place == "-" {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        ("stdin".to_owned(), read.map(|_| text))
    } else {
        (format!("`{place}`"), std::fs::read_to_string(place))
    };
    let text = read.map_err(|error| {
        Failure::new(Exit::Io, format!("cannot read {source}: {error}")).hint(
            "`kubectl kustomize DIR | kubectl etcdbackup manifests --lint -` reads a whole set",
        )
    })?;
    Ok((text, source))
}

/// Without a word, those of a Talos cluster as it comes.
fn parsed(networks: &[String]) -> Result<Vec<Network>, Failure> {
    if networks.is_empty() {
        return Ok(Network::of_talos());
    }
    let one = |text: &String| {
        Network::parse(text).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("`{text}` is no block of addresses"))
                .hint("write it like 10.96.0.0/12, or one address")
        })
    };
    networks.iter().map(one).collect()
}

/// Of what would be rendered.
pub(super) fn of_ours(
    installation: &Installation,
    networks: &[String],
    context: &Context,
) -> Result<(), Failure> {
    let ours = objects(installation).into_iter();
    let ours = Objects::of(ours.map(|document: Document| document.value));
    let found = lint(&ours, &parsed(networks)?);
    for finding in &found {
        if finding.severity == Severity::Refuse {
            return Err(Failure::new(Exit::Usage, finding.what.clone()).hint(finding.hint.clone()));
        }
        // What is left open is open.
        if !installation.unfilled {
            context
                .ui
                .warn(&format!("{}; {}", finding.what, finding.hint));
        }
    }
    Ok(())
}

//! `verify`: is what is stored good?

use comfy_table::{CellAlignment, Table, presets};
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Context, format};
use etcdbackup::clock;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::seal::{Identities, Recipients, Stanza, recipient_lines};
use etcdbackup::store::Store;
use etcdbackup::verify::{
    self, Deep, Depth, ExpectedRecipients, Located, Verdict, Verification, Wanted,
};

use crate::cli::{Verify, VerifyFormat};
use crate::installed;

pub(crate) async fn run(
    mut flags: Verify,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    let place = installed::only(
        flags.place.as_ref(),
        &mut flags.store,
        &mut flags.cluster_name,
        kubernetes,
        &context,
    )
    .await?;
    let wanted = if flags.all {
        Wanted::All
    } else {
        Wanted::Newest
    };
    let depth = depth(&flags)?;
    let expected = expected(&flags)?;
    let cluster = flags.cluster_name.as_deref();
    let located = verify::locate(&place, &flags.store.options(), cluster, wanted).await?;
    located.notes.iter().for_each(|note| context.ui.warn(note));
    let (found, trouble) = look_at_all(&located, &depth, expected.as_ref(), &flags, &context).await;
    let untold = flags.metrics.sinks().verified(&found).await;
    untold.iter().for_each(|one| context.ui.warn(one));
    let shown = render(&found, flags.output)?;
    context.ui.data(&shown)?;
    let worst = found.iter().map(|one| one.verdict).max();
    let judged = worst.map(Verdict::exit);
    Ok(trouble.or(judged).unwrap_or(Exit::Done))
}

fn depth(flags: &Verify) -> Result<Depth, Failure> {
    if !flags.deep && !flags.drill {
        return Ok(match audits(flags) {
            true => Depth::Header,
            false => Depth::Quick,
        });
    }
    let folder = flags.spool_dir.clone();
    let drill = if flags.drill {
        Some(flags.drilling.plan(folder.clone())?)
    } else {
        None
    };
    Ok(Depth::Deep(Box::new(Deep {
        identities: Identities {
            files: flags.identity.clone(),
            stdin_is_taken: false,
        },
        folder,
        drill,
    })))
}

fn audits(flags: &Verify) -> bool {
    !flags.recipient.is_empty() || !flags.recipients_file.is_empty()
}

/// Who shall be able to open what is stored, if that is asked.
fn expected(flags: &Verify) -> Result<Option<ExpectedRecipients>, Failure> {
    let read = Recipients::read(&flags.recipient, &flags.recipients_file, false)?;
    Ok(read.map(|recipients| {
        let lines = recipient_lines(&flags.recipient, &flags.recipients_file);
        ExpectedRecipients {
            stanzas: lines
                .iter()
                .map(|line| Stanza::of_recipient(line))
                .collect(),
            fingerprints: recipients.fingerprints().to_vec(),
            identities: Identities {
                files: flags.identity.clone(),
                stdin_is_taken: false,
            },
        }
    }))
}

/// Every object in turn; one that cannot be looked at does not end the others, a signal does.
/// Gives the code of the first trouble.
async fn look_at_all(
    located: &Located,
    depth: &Depth,
    expected: Option<&ExpectedRecipients>,
    flags: &Verify,
    context: &Context,
) -> (Vec<Verification>, Option<Exit>) {
    let (mut found, mut trouble) = (Vec::new(), None);
    for key in &located.keys {
        let store = located.store.as_ref();
        match look(store, key, depth, expected, context).await {
            Ok(one) => {
                // A look at the header alone must not take the place of a better one.
                if !flags.no_record
                    && !matches!(depth, Depth::Header)
                    && let Err(failure) = verify::keep(store, key, &one).await
                {
                    context.ui.warn(&format!(
                        "the result is not kept beside the object: {}",
                        failure.what
                    ));
                }
                found.push(one);
            }
            Err(failure) => {
                let stopped = matches!(failure.exit, Exit::Interrupted | Exit::Terminated);
                trouble = trouble.or(Some(failure.exit));
                context.ui.failure(&failure);
                if stopped {
                    break;
                }
            }
        }
    }
    (found, trouble)
}

async fn look(
    store: &dyn Store,
    key: &str,
    depth: &Depth,
    expected: Option<&ExpectedRecipients>,
    context: &Context,
) -> Result<Verification, Failure> {
    let mut found = verify::verify(store, key, depth, context.cancel.clone()).await?;
    if let Some(expected) = expected {
        verify::audit(store, key, expected, &mut found, context.cancel.clone()).await?;
    }
    Ok(found)
}

fn render(found: &[Verification], output: VerifyFormat) -> Result<String, Failure> {
    match output {
        VerifyFormat::Table => Ok(text(found)),
        VerifyFormat::Yaml => format::yaml(&found),
        VerifyFormat::Json => serde_json::to_string_pretty(found)
            .map(|text| text + "\n")
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}"))),
    }
}

/// A row each, and below it its name, which is as long as a line, and what was found.
fn text(found: &[Verification]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let table = table(found);
    let mut lines = table.lines();
    let mut text = String::new();
    if let Some(header) = lines.next() {
        text += &format!("{}\n", header.trim());
    }
    for (line, one) in lines.zip(found) {
        text += &format!("{}\n  {}\n", line.trim(), printable(&one.url));
        if let Some(audit) = &one.recipients {
            let who = audit.found.join(", ");
            text += &format!("  recipients: {}\n", printable(&who));
        }
        for finding in &one.findings {
            text += &format!("  - {}\n", printable(finding));
        }
        for assertion in one.drill.iter().flat_map(|report| &report.assertions) {
            let (name, outcome) = (assertion.name, assertion.outcome.word());
            text += &format!(
                "  drill {name}: {outcome}: {}\n",
                printable(&assertion.detail)
            );
        }
    }
    text
}

fn table(found: &[Verification]) -> Table {
    let now = clock::now();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["VERDICT", "DEPTH", "SIZE", "REVISION", "KEYS", "CONTENT"]);
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for one in found {
        let content = one.content_at.as_ref().and_then(|time| time.parse().ok());
        let bytes = one.snapshot.as_ref().or(one.stored.as_ref());
        table.add_row([
            one.verdict.word().to_owned(),
            one.depth.to_owned(),
            shown(bytes.map(|content| format::size(content.bytes))),
            shown(one.revision.map(|revision| revision.to_string())),
            shown(one.live_keys.map(|keys| keys.to_string())),
            shown(content.map(|time| format!("{} old", format::age(time, now)))),
        ]);
    }
    for column in 2..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

//! `get`: objects of a snapshot as they can be applied again.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use etcdbackup::cli::format::yaml;
use etcdbackup::cli::objects::{Snapshot, key_text};
use etcdbackup::cli::{Context, Ui};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::kubernetes::{
    Entry, Key, ObjectKey, Value, decode, hide, is_secret, ready_to_apply, serve_definition,
};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::cli::{Get, ObjectFormat};
use crate::input::Input;
use crate::wanted::{Met, Wanted, controller, is_made_again, rank};
use crate::work::blocking;

/// Names shown of objects that cannot be read.
const NAMED: usize = 3;

/// What was found.
#[derive(Default)]
struct Found {
    objects: Vec<Object>,
    failures: Vec<Failure>,
    /// Why encrypted objects cannot be read: which ones.
    closed: BTreeMap<String, Vec<String>>,
    made_again: usize,
    hidden: usize,
    /// Why it may come back by itself.
    controlled: Vec<String>,
    met: Met,
}

/// Ready to be printed: a whole cluster as trees would not fit into memory.
struct Object {
    rank: usize,
    name: String,
    bytes: Zeroizing<Vec<u8>>,
}

pub(crate) async fn run(verb: Get, context: Context) -> Result<Exit, Failure> {
    let wanted = Wanted::new(&verb)?;
    let input = Input::open(&verb.input, &context).await?;
    let format = verb.output;
    let found = blocking(&context, move || {
        let snapshot = input.snapshot(&verb.prefix, &verb.keys)?;
        find(&snapshot, &wanted, &verb)
    })
    .await?;
    if format == ObjectFormat::Raw {
        one_for_a_pipe(&found.objects)?;
    }
    tell(&context.ui, &found);
    print(format, &found.objects, &mut io::stdout().lock()).map_err(|error| {
        Failure::new(Exit::Io, format!("cannot write to stdout: {error}"))
            .hint("look at the program behind the pipe")
    })?;
    Ok(found
        .failures
        .first()
        .map_or(Exit::Done, |failure| failure.exit))
}

fn find(snapshot: &Snapshot, wanted: &Wanted, verb: &Get) -> Result<Found, Failure> {
    let contents = snapshot.contents()?;
    let mut found = Found::default();
    snapshot.each_live(&contents, |entry| {
        let object = match entry.key {
            Key::Object(object) => Some(object),
            _ => None,
        };
        if wanted.may_take(object.as_ref()) {
            take(snapshot, wanted, verb, &entry, object.as_ref(), &mut found);
        }
        Ok(())
    })?;
    for (why, names) in std::mem::take(&mut found.closed) {
        found.failures.push(encrypted(&names, why));
    }
    let missing = wanted
        .missing(&found.met)
        .into_iter()
        .map(|what| missing(&what, verb));
    found.failures.extend(missing);
    if found.objects.is_empty() && !found.failures.is_empty() {
        return Err(found.failures.remove(0));
    }
    found
        .objects
        .sort_by(|a, b| (a.rank, &a.name).cmp(&(b.rank, &b.name)));
    Ok(found)
}

/// One message for all that have the same reason.
fn encrypted(names: &[String], why: String) -> Failure {
    let shown = names[..names.len().min(NAMED)].join(", ");
    let more = names.len().saturating_sub(NAMED);
    let (verb, rest) = match (names.len(), more) {
        (1, _) => ("is", String::new()),
        (_, 0) => ("are", String::new()),
        (_, more) => ("are", format!(" and {more} more")),
    };
    Failure::new(Exit::Data, format!("{shown}{rest} {verb} encrypted")).hint(why)
}

fn missing(what: &str, verb: &Get) -> Failure {
    let place = verb.select.namespace.as_deref();
    let place = place.map_or_else(String::new, |namespace| {
        format!(" in namespace `{namespace}`")
    });
    Failure::new(Exit::No, format!("the snapshot has no {what}{place}"))
        .hint("`talosctl-snapshot-inspect ls` lists what is")
}

fn take(
    snapshot: &Snapshot,
    wanted: &Wanted,
    verb: &Get,
    entry: &Entry<'_>,
    object: Option<&ObjectKey<'_>>,
    found: &mut Found,
) {
    let name = object.map_or_else(|| key_text(entry).into_owned(), ToString::to_string);
    let clear = match snapshot.clear(entry) {
        Ok(clear) => clear,
        Err(closed) => {
            // Without its kind and labels, an encrypted object is asked for by its key.
            if wanted.takes(entry, object, None, &mut found.met) {
                let name = format!("{name} ({})", closed.encryption);
                found.closed.entry(closed.why).or_default().push(name);
            }
            return;
        }
    };
    let value = Value::parse(clear.bytes());
    let head = value.head();
    if !wanted.takes(entry, object, head.as_ref(), &mut found.met) {
        return;
    }
    if wanted.all && !verb.full && is_made_again(object, head.as_ref()) {
        found.made_again += 1;
        return;
    }
    if let Some(owner) = head.as_ref().and_then(controller).filter(|_| !verb.full) {
        found.controlled.push(format!("{name} is made by {owner}"));
    }
    match one(&value, clear.bytes(), entry, verb) {
        Ok((bytes, hidden)) => {
            found.hidden += usize::from(hidden);
            let rank = rank(object);
            found.objects.push(Object { rank, name, bytes });
        }
        Err(mut failure) => {
            failure.what = format!("{name}: {}", failure.what);
            found.failures.push(failure);
        }
    }
}

/// The object as it is printed, and whether something of it is hidden.
fn one(
    value: &Value<'_>,
    bytes: &[u8],
    entry: &Entry<'_>,
    verb: &Get,
) -> Result<(Zeroizing<Vec<u8>>, bool), Failure> {
    if verb.output == ObjectFormat::Raw {
        return raw(value, bytes, entry, verb).map(|bytes| (bytes, false));
    }
    let mut object = decode(value).map_err(|error| {
        Failure::new(Exit::Data, format!("cannot be shown: {error}"))
            .hint("`-o raw` gives its bytes as they are stored")
    })?;
    serve_definition(&mut object);
    let hidden = is_secret(&object) && !verb.show_secrets;
    if hidden {
        hide(&mut object);
    }
    if verb.full {
        if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
            let revision = entry.mod_revision.to_string();
            metadata.insert("resourceVersion".to_owned(), revision.into());
        }
    } else {
        ready_to_apply(&mut object);
    }
    let text = match verb.output {
        ObjectFormat::Json => serde_json::to_string_pretty(&object)
            .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}")))?,
        _ => yaml(&object)?,
    };
    Ok((Zeroizing::new(text.into_bytes()), hidden))
}

fn raw(
    value: &Value<'_>,
    bytes: &[u8],
    entry: &Entry<'_>,
    verb: &Get,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let by_key = matches!(entry.key, Key::Object(object) if object.is_secret());
    let secret = by_key || value.head().is_some_and(|head| head.kind == "Secret");
    if secret && !verb.show_secrets {
        return Err(
            Failure::new(Exit::Usage, "the raw value of a Secret shows what is in it")
                .hint("say `--show-secrets` to have it"),
        );
    }
    Ok(Zeroizing::new(bytes.to_vec()))
}

fn tell(ui: &Ui, found: &Found) {
    found
        .failures
        .iter()
        .for_each(|failure| ui.failure(failure));
    if found.made_again > 0 {
        ui.note(&format!(
            "left out {} objects that their controllers make again (`--full` has them)",
            found.made_again
        ));
    }
    if found.controlled.len() == 1 {
        found
            .controlled
            .iter()
            .for_each(|note| ui.note(&format!("{note}: bring that back instead")));
    }
    if found.hidden > 0 {
        let count = found.hidden;
        let secrets = if count == 1 {
            "1 Secret".to_owned()
        } else {
            format!("{count} Secrets")
        };
        ui.note(&format!("the values of {secrets} are hidden, and cannot be applied so: `--show-secrets` shows them"));
    }
}

/// All objects: documents of YAML, or one List of JSON.
fn print(format: ObjectFormat, objects: &[Object], out: &mut dyn Write) -> io::Result<()> {
    let is_list = format == ObjectFormat::Json && objects.len() > 1;
    let (begin, between, end): (&[u8], &[u8], &[u8]) = match format {
        ObjectFormat::Yaml => (b"", b"---\n", b""),
        ObjectFormat::Json if is_list => (
            b"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n",
            b",\n",
            b"\n]}\n",
        ),
        ObjectFormat::Json => (b"", b"", b"\n"),
        ObjectFormat::Raw => (b"", b"", b""),
    };
    out.write_all(begin)?;
    for (index, object) in objects.iter().enumerate() {
        if index > 0 {
            out.write_all(between)?;
        }
        out.write_all(&object.bytes)?;
    }
    out.write_all(end)?;
    out.flush()
}

/// The bytes of several values would run into each other.
fn one_for_a_pipe(objects: &[Object]) -> Result<(), Failure> {
    if objects.len() > 1 {
        let what = format!(
            "`-o raw` gives one value, and {} objects fit",
            objects.len()
        );
        return Err(Failure::new(Exit::Usage, what).hint("name one by its key"));
    }
    if io::stdout().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "a stored value is binary, and stdout is a terminal",
        )
        .hint("send it to a file: `> value`"));
    }
    Ok(())
}

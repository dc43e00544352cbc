//! Which backup: a file at hand, or one of those that lie in the destinations.

use std::sync::Arc;

use etcdbackup::catalogue::ObjectName;
use etcdbackup::cli::table::table;
use etcdbackup::cli::{Given, format};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store::Store;
use etcdbackup::verify::{Kept, Verdict, Wanted, kept, locate, manifest};
use jiff::Timestamp;

use crate::guide::Guide;

/// As many are shown; an older one is named by its time.
const SHOWN: usize = 10;

/// A stored snapshot.
pub(crate) struct Object {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: String,
    pub(crate) url: String,
    taken_at: Option<Timestamp>,
}

impl Object {
    fn new(store: &Arc<dyn Store>, key: String) -> Self {
        Self {
            url: store.url_of(&key),
            store: Arc::clone(store),
            taken_at: ObjectName::parse(name_of(&key)).map(|name| name.taken_at),
            key,
        }
    }

    /// Its name, without prefix.
    pub(crate) fn name(&self) -> &str {
        name_of(&self.key)
    }
}

fn name_of(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, name)| name)
}

impl Guide<'_> {
    /// The backup that is restored, in a file on this machine.
    pub(crate) async fn backup(&self) -> Result<Given, Failure> {
        let sources = self.sources().await?;
        let is_file = |source: &&String| !source.contains("://");
        match (sources.iter().find(is_file), sources.as_slice()) {
            (Some(file), [_]) => {
                let given = self.open(file).await?;
                self.tell(&given);
                Ok(given)
            }
            (Some(file), _) => Err(Failure::new(
                Exit::Usage,
                format!("`{file}` is a file on this machine, and it is not alone"),
            )
            .hint("name one file, or only destinations: s3://BUCKET/PREFIX, file:///DIR")),
            (None, _) => self.stored(&sources).await,
        }
    }

    async fn sources(&self) -> Result<Vec<String>, Failure> {
        if !self.cli.sources.is_empty() {
            return Ok(self.cli.sources.clone());
        }
        loop {
            let question = "Where is the backup (s3://BUCKET/PREFIX, file:///DIR, FILE)";
            let answer = self.asks.line(question, None).await?;
            let named: Vec<String> = answer.split_whitespace().map(str::to_owned).collect();
            if !named.is_empty() {
                return Ok(named);
            }
        }
    }

    async fn stored(&self, destinations: &[String]) -> Result<Given, Failure> {
        self.step("Choose the backup", &self.commands.list(destinations));
        let listing = self.objects(destinations);
        let objects = self.unless_stopped(listing, "nothing was changed").await?;
        let mut before: Option<Given> = None;
        loop {
            let object = self.pick(&objects).await?;
            let given = match self.fetched(object).await {
                Ok(given) => given,
                // Never an older one in silence: the person says which.
                Err(failure) if failure.exit == Exit::Data && objects.len() > 1 => {
                    self.context.ui.failure(&failure);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            self.tell(&given);
            if !given.facts.damage.is_empty() {
                continue;
            }
            if let Some(before) = &before {
                self.compare(before, &given).await?;
            }
            let question = "Is it from before the damage (no: compare with another)";
            if self.asks.yes(question, true).await? {
                return Ok(given);
            }
            before = Some(given);
        }
    }

    /// Every snapshot of the cluster, newest first.
    async fn objects(&self, destinations: &[String]) -> Result<Vec<Object>, Failure> {
        let options = self.cli.stored.store.options();
        let cluster = self.cli.stored.cluster_name.as_deref();
        let mut objects = Vec::new();
        let mut refused = None;
        for place in destinations {
            match locate(place, &options, cluster, Wanted::All).await {
                Ok(found) => {
                    let notes = found.notes.iter();
                    notes.for_each(|note| self.context.ui.warn(note));
                    let keys = found.keys.into_iter();
                    objects.extend(keys.map(|key| Object::new(&found.store, key)));
                }
                // One store may have died with the cluster.
                Err(failure) => {
                    self.context.ui.failure(&failure);
                    refused.get_or_insert(failure);
                }
            }
        }
        match refused {
            Some(failure) if objects.is_empty() => Err(failure),
            _ => {
                objects.sort_by_key(|object| std::cmp::Reverse(object.taken_at));
                Ok(objects)
            }
        }
    }

    async fn pick<'o>(&self, objects: &'o [Object]) -> Result<&'o Object, Failure> {
        let shown = &objects[..objects.len().min(SHOWN)];
        let looks = async { Ok(looked_up(shown).await) };
        let rows = self.unless_stopped(looks, "nothing was changed").await?;
        let good = rows.iter().position(|(_, bad)| !bad).unwrap_or(0);
        let default = (good + 1).to_string();
        let rows: Vec<[String; 6]> = rows.into_iter().map(|(row, _)| row).collect();
        let header = ["#", "AGE", "SIZE", "REVISION", "VERIFIED", "URL"];
        self.say(&table(header, &[0, 2, 3], &rows));
        if objects.len() > shown.len() {
            let older = objects.len() - shown.len();
            self.say(&format!("and {older} older ones\n"));
        }
        loop {
            let question = "Number of the backup, or a time (the newest not after it)";
            let answer = self.asks.line(question, Some(&default)).await?;
            if let Some(object) = chosen(objects, &answer) {
                return Ok(object);
            }
            self.say(
                "no backup is called so: write a number, or a time like 2026-11-01T12:00:00Z\n",
            );
        }
    }

    fn tell(&self, given: &Given) {
        let facts = &given.facts;
        let from = facts.content_from.map_or_else(
            || "a time it does not tell".to_owned(),
            |from| from.to_string(),
        );
        self.say(&format!(
            "{}: {}, revision {}, {} keys, of {from}\n",
            facts.name,
            format::size(facts.bytes),
            facts.revision,
            facts.live_keys
        ));
        if let Some(damage) = facts.damage.first() {
            self.context
                .ui
                .warn(&format!("{} is damaged: {damage}", facts.name));
        }
    }
}

/// A row of each, and whether a verification called it bad.
async fn looked_up(objects: &[Object]) -> Vec<([String; 6], bool)> {
    let now = Timestamp::now();
    let mut rows = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        let store = object.store.as_ref();
        let (kept, manifest) = tokio::join!(kept(store, &object.key), manifest(store, &object.key));
        let unknown = || "-".to_owned();
        let taken = object.taken_at;
        let bytes = manifest
            .as_ref()
            .map(|told| format::size(told.snapshot.bytes));
        let revision = manifest.as_ref().and_then(|told| told.revision);
        let verified = kept.as_ref().map(words);
        let when_taken = manifest.as_ref().map(|_| "when taken".to_owned());
        let row = [
            (index + 1).to_string(),
            taken.map_or_else(unknown, |taken| format::age(taken, now)),
            bytes.unwrap_or_else(unknown),
            revision.map_or_else(unknown, |revision| revision.to_string()),
            verified.or(when_taken).unwrap_or_else(unknown),
            object.url.clone(),
        ];
        rows.push((
            row,
            kept.is_some_and(|kept| kept.verdict == Verdict::Failed),
        ));
    }
    rows
}

fn words(kept: &Kept) -> String {
    format!("{} ({})", kept.verdict.word(), kept.depth)
}

/// By number among those that are shown, by URL or name, or the newest not after a time.
fn chosen<'o>(objects: &'o [Object], answer: &str) -> Option<&'o Object> {
    if let Ok(number) = answer.parse::<usize>() {
        let shown = &objects[..objects.len().min(SHOWN)];
        return shown.get(number.checked_sub(1)?);
    }
    if let Ok(time) = answer.parse::<Timestamp>() {
        return objects
            .iter()
            .find(|object| object.taken_at.is_some_and(|taken| taken <= time));
    }
    objects
        .iter()
        .find(|object| object.url == answer || object.name() == answer)
}

//! The chosen object, in a file on this machine: proven, private, and never over another one.

use std::path::Path;

use etcdbackup::backup::PullTarget;
use etcdbackup::cli::{Given, fetch};
use etcdbackup::failure::Failure;
use etcdbackup::seal::Identities;

use crate::choose::Object;
use crate::guide::Guide;

impl Guide<'_> {
    /// Fetches it, or takes what an earlier run has fetched.
    pub(crate) async fn fetched(&self, object: &Object) -> Result<Given, Failure> {
        let default = file_for(object.name());
        let file = loop {
            let file = self
                .asks
                .line("Keep it in the file", Some(&default))
                .await?;
            if !Path::new(&file).exists() {
                break file;
            }
            if let Some(given) = self.existing(&file).await? {
                return Ok(given);
            }
        };
        let identities = Identities {
            files: self.identities(object).await?,
            // The person who answers is at it.
            stdin_is_taken: true,
        };
        identities.check()?;
        let pull = self.commands.pull(&object.url, &identities.files, &file);
        self.step("Fetch the backup", &pull);
        let target = PullTarget::File((&file).into(), false).open()?;
        let opening = async { Ok(object.store.open(&object.key).await?) };
        let body = self.unless_stopped(opening, "nothing was fetched").await?;
        fetch(body, &object.url, identities, false, target, self.context).await?;
        self.open(&file).await
    }

    /// A file that is there already: used when it is a proven snapshot and the person wants it.
    async fn existing(&self, file: &str) -> Result<Option<Given>, Failure> {
        let given = match self.open(file).await {
            Ok(given) if given.facts.digest_holds == Some(true) => given,
            Ok(_) => {
                self.say(&format!(
                    "{file} exists, and its SHA-256 does not hold: it is kept as it is\n"
                ));
                return Ok(None);
            }
            Err(failure) => {
                self.context.ui.failure(&failure);
                return Ok(None);
            }
        };
        let question = format!("{file} exists, and is proven: take it as it is");
        let taken = self.asks.yes(&question, true).await?;
        Ok(taken.then_some(given))
    }

    async fn identities(&self, object: &Object) -> Result<Vec<String>, Failure> {
        if !self.cli.stored.identity.is_empty() || !object.name().ends_with(".age") {
            return Ok(self.cli.stored.identity.clone());
        }
        let question = "It is encrypted: file of the age identity or ssh key";
        let file = self.asks.line(question, None).await?;
        Ok(vec![file])
    }
}

/// Where an object is kept unless another name is wanted. Colons are none for a file that is
/// copied elsewhere.
fn file_for(object: &str) -> String {
    let stem = object.strip_suffix(".age").unwrap_or(object);
    let stem = stem.strip_suffix(".zst").unwrap_or(stem);
    let stem = stem.strip_suffix(".snap").unwrap_or(stem);
    format!("./{}.snapshot", stem.replace(':', "-"))
}

#[cfg(test)]
mod tests {
    use super::file_for;

    #[test]
    fn a_file_is_named_as_its_object_and_as_what_it_holds() {
        for (object, file) in [
            (
                "prod-2026-11-24T02:00:00.000Z.snap.zst.age",
                "./prod-2026-11-24T02-00-00.000Z.snapshot",
            ),
            (
                "prod-2026-11-24T02-00-00Z.snap",
                "./prod-2026-11-24T02-00-00Z.snapshot",
            ),
            ("db", "./db.snapshot"),
        ] {
            assert_eq!(file_for(object), file);
        }
    }
}

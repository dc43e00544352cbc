//! Which object is meant: by presigned URL, or as [`Chosen::find`] finds it.

use std::io::Read;
use std::path::Path;

use etcdbackup::cli::{Chosen, Context, Wish};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::store;

use crate::cli::Pull;

/// A presigned URL is one line; a file larger than this holds something else.
const URL_LIMIT: u64 = 16 * 1024;

pub(crate) async fn choose(cli: &Pull, context: &Context) -> Result<Chosen, Failure> {
    let wish = Wish {
        source: cli.source.as_deref().unwrap_or_default(),
        at: cli.at.as_deref(),
        cluster_name: cli.cluster_name.as_deref(),
        store: cli.store.options(),
    };
    match (&cli.source, &cli.url_file) {
        // A source that was typed conflicts; one of a variable or profile steps back.
        (_, Some(file)) => from_url(file, &wish).await,
        (Some(_), None) => Chosen::find(&wish, context).await,
        (None, None) => Err(
            Failure::new(Exit::Usage, "no source to pull from").hint(format!(
                "name a destination or an object: `{}`",
                context.called.with(&["s3://BUCKET/PREFIX"])
            )),
        ),
    }
}

async fn from_url(file: &Path, wish: &Wish<'_>) -> Result<Chosen, Failure> {
    wish.names_an_object()?;
    let mut url = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(URL_LIMIT).read_to_string(&mut url)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(URL_LIMIT).read_to_string(&mut url))
    };
    read.map_err(|error| {
        Failure::new(
            Exit::Io,
            format!("cannot read `{}`: {error}", file.display()),
        )
        .hint("check the path given with `--url-file`")
    })?;
    let body = store::open_url(url.trim(), &wish.store).await?;
    Ok(Chosen {
        body,
        name: "the presigned URL's object".to_owned(),
        older: None,
    })
}

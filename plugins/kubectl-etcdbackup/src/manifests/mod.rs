//! `manifests`: what runs the backup in the cluster, and what runs beside it elsewhere.

mod credentials;
mod files;
mod installation;
mod lint;

use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::{Context, shell};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::manifests::talos::{ConfigForm, patch};
use etcdbackup::manifests::{self, Document, Installation, ci, systemd};

use crate::cli::{Host, Manifests};

pub(crate) async fn run(
    flags: Manifests,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    if let Some(place) = &flags.lint {
        return lint::of_file(place, &flags.cluster_networks, &context);
    }
    let installation = installation::of(&flags, kubernetes, &context).await?;
    if flags.host == Host::Cluster {
        lint::of_ours(&installation, &flags.cluster_networks, &context)?;
    }
    let documents = match flags.host {
        Host::Cluster if flags.out.is_some() => manifests::files(&installation),
        Host::Cluster => manifests::objects(&installation),
        Host::Talos => patches(&flags, &installation)?,
        Host::Systemd => systemd::units(&installation),
        Host::Ci => vec![ci::workflow(&installation)],
    };
    match &flags.out {
        Some(folder) => files::write(folder, &documents, flags.force, &context)?,
        None => print(&documents, &flags, &context)?,
    }
    if flags.host == Host::Cluster {
        next(&flags, &installation, &context);
    }
    Ok(Exit::Done)
}

/// Several texts that are no YAML cannot follow each other in one stream.
fn print(documents: &[Document], flags: &Manifests, context: &Context) -> Result<(), Failure> {
    if flags.host == Host::Systemd {
        return Err(
            Failure::new(Exit::Usage, "units are several files, and need a folder").hint(format!(
                "name one: `{}`",
                context.called.with(&["--out", "units"])
            )),
        );
    }
    context.ui.data(&manifests::stream(documents))
}

/// In a folder both forms, on stdout the one that was meant.
fn patches(flags: &Manifests, installation: &Installation) -> Result<Vec<Document>, Failure> {
    let release = flags.talos_version.as_deref();
    let form = release.map_or(Ok(None), |release| {
        ConfigForm::of(release).map(Some).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("`{release}` is no Talos release"))
                .hint("write it like 1.13 or v1.14.2")
        })
    })?;
    Ok(match form {
        Some(form) => vec![patch(installation, form)],
        None if flags.out.is_some() => manifests::talos::patches(installation),
        None => vec![patch(installation, ConfigForm::Document)],
    })
}

/// What is still to be done.
fn next(flags: &Manifests, installation: &Installation, context: &Context) {
    let apply = match &flags.out {
        Some(folder) => shell("kubectl", ["apply", "-k", &folder.display().to_string()]),
        None => format!("{} | kubectl apply -f -", context.called.with(&[])),
    };
    let namespace = (installation.namespace != manifests::names::NAMESPACE)
        .then(|| format!(" -n {}", installation.namespace));
    context.ui.note(&format!(
        "next: apply it (`{apply}`), and once the machine config of every control plane: `kubectl etcdbackup manifests --for talos{}`",
        namespace.unwrap_or_default()
    ));
}

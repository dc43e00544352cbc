//! From what was typed to what is installed.

use std::path::Path;

use etcdbackup::catalogue::check_cluster_name;
use etcdbackup::cli::Context;
use etcdbackup::cli::flags::{KubernetesFlags, PathStyleFlag};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::manifests::{
    Installation, NetworkPolicy, Schedule, Settings, check_pushgateway, names,
};
use etcdbackup::store::Destination;

use super::credentials;
use crate::cli::{Host, Manifests, PolicyFlag, RunFlags};

pub(super) async fn of(
    flags: &Manifests,
    kubernetes: &KubernetesFlags,
    context: &Context,
) -> Result<Installation, Failure> {
    let cluster = cluster(flags, context)?;
    let namespace = kubernetes.namespace.as_deref().unwrap_or(names::NAMESPACE);
    check_namespace(namespace)?;
    let (credentials, ping) = credentials::of(flags, namespace, kubernetes, context).await?;
    Ok(Installation {
        namespace: namespace.to_owned(),
        schedule: schedule(&flags.run, &cluster)?,
        cluster,
        settings: settings(flags, context)?,
        unencrypted: flags.recipients.no_encrypt,
        time_zone: flags.run.time_zone.clone(),
        suspend: flags.run.suspend,
        deadline: flags.run.deadline,
        image: flags.run.image.clone(),
        event: flags.run.event,
        credentials,
        ping,
        monitoring: flags.monitoring,
        network_policy: flags.network_policy.map(|kind| match kind {
            PolicyFlag::Kubernetes => NetworkPolicy::Kubernetes,
            PolicyFlag::Cilium => NetworkPolicy::Cilium,
        }),
        unfilled: flags.unfilled,
    })
}

/// The patch for Talos needs no name; what is left open has none.
fn cluster(flags: &Manifests, context: &Context) -> Result<String, Failure> {
    match &flags.cluster_name {
        Some(name) => {
            check_cluster_name(name)?;
            Ok(name.clone())
        }
        None if flags.unfilled || flags.host == Host::Talos => Ok(String::new()),
        None => Err(Failure::new(
            Exit::Usage,
            "the cluster has no name to be known by in object names",
        )
        .hint(format!(
            "give it one: `{}`",
            context.called.with(&["--cluster-name", "NAME"])
        ))),
    }
}

fn check_namespace(name: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = !name.is_empty()
        && name.len() <= 63
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if good {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        format!("`{name}` cannot be the name of a namespace"),
    )
    .hint("use lower-case letters, digits and dashes"))
}

fn schedule(run: &RunFlags, cluster: &str) -> Result<Schedule, Failure> {
    let schedule = match &run.schedule {
        Some(line) => Schedule::cron(line)?,
        None => Schedule::every(run.every, cluster)?,
    };
    if schedule.interval <= run.deadline {
        return Err(Failure::new(
            Exit::Usage,
            "one run may take longer than the time to the next",
        )
        .hint("choose a shorter `--deadline`, or run it less often"));
    }
    Ok(schedule)
}

fn settings(flags: &Manifests, context: &Context) -> Result<Settings, Failure> {
    let store = &flags.store;
    let s3_ca = store
        .s3_ca_file
        .as_deref()
        .map(|file| text(file, "--s3-ca-file"));
    let mut settings = Settings {
        destinations: destinations(flags, context)?,
        recipients: Vec::new(),
        s3_endpoint: store.s3_endpoint.clone(),
        s3_region: store.s3_region.clone(),
        s3_path_style: match store.s3_path_style {
            PathStyleFlag::Auto => None,
            PathStyleFlag::Path => Some("path".to_owned()),
            PathStyleFlag::Virtual => Some("virtual".to_owned()),
        },
        s3_ca: s3_ca.transpose()?,
        pushgateway: flags.run.pushgateway.clone(),
        more: Vec::new(),
    };
    if flags.host == Host::Cluster && !(flags.unfilled && no_recipient(flags)) {
        // Proven usable here: a pod at night is no place to find out.
        flags.recipients.recipients(false)?;
        settings.recipients = recipients(flags)?;
    }
    if let Some(gateway) = &settings.pushgateway {
        check_pushgateway(gateway)?;
    }
    if flags.run.event {
        settings
            .more
            .push(("ETCDBACKUP_EVENT_ON".to_owned(), names::NAME.to_owned()));
    }
    Ok(settings)
}

fn no_recipient(flags: &Manifests) -> bool {
    let recipients = &flags.recipients;
    recipients.recipient.is_empty()
        && recipients.recipients_file.is_empty()
        && !recipients.no_encrypt
}

/// Their lines, without comments.
fn recipients(flags: &Manifests) -> Result<Vec<String>, Failure> {
    let mut all = flags.recipients.recipient.clone();
    for file in &flags.recipients.recipients_file {
        all.push(text(Path::new(file), "-R")?);
    }
    let lines = all.iter().flat_map(|text| text.lines()).map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(|line| line.replace(',', " ")).collect())
}

fn destinations(flags: &Manifests, context: &Context) -> Result<Vec<Destination>, Failure> {
    let parsed: Result<Vec<_>, _> = flags
        .destinations
        .iter()
        .map(|text| Destination::parse(text))
        .collect();
    let parsed = parsed?;
    let folder = parsed
        .iter()
        .find(|destination| matches!(destination, Destination::File { .. }));
    if let Some(folder) = folder.filter(|_| flags.host == Host::Cluster) {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{folder}` is a folder, and the pod has none that stays"),
        )
        .hint("give it `s3://BUCKET/PREFIX`; `now --direct` writes to folders"));
    }
    if parsed.is_empty() && !flags.unfilled && flags.host != Host::Talos {
        return Err(
            Failure::new(Exit::Usage, "no destination to store backups in").hint(format!(
                "name one: `{}`",
                context.called.with(&["s3://BUCKET/PREFIX"])
            )),
        );
    }
    Ok(parsed)
}

pub(super) fn text(file: &Path, flag: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        Failure::new(
            Exit::Config,
            format!("cannot read `{}`: {error}", file.display()),
        )
        .hint(format!("check the path given with `{flag}`"))
    })
}

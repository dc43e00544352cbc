//! What the pod is told in secret: S3 credentials of files that were given, sealed or not, or of a
//! Secret that is there, and the URL that it pings.

use etcdbackup::cli::Context;
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::manifests::sealing::{Certificate, Scope, Sealer};
use etcdbackup::manifests::{Credentials, Keys, Ping, PingUrl, names};
use jiff::Timestamp;

use super::installation::text;
use crate::cli::{CredentialFlags, Manifests, ScopeFlag};

/// The S3 credentials, and the URL that is pinged.
pub(super) async fn of(
    flags: &Manifests,
    namespace: &str,
    kubernetes: &KubernetesFlags,
    context: &Context,
) -> Result<(Credentials, Option<Ping>), Failure> {
    let given = &flags.credentials;
    let keys = keys(given, flags.store.s3_profile.as_deref())?;
    let url = ping_url(given)?;
    if keys.is_none() && url.is_none() && (given.seal_cert.is_some() || given.seal_from_cluster) {
        let command = context.called.with(&["--s3-credentials-file", "FILE"]);
        return Err(Failure::new(Exit::Usage, "there is nothing to seal")
            .hint(format!("give the keys: `{command}`")));
    }
    if keys.as_ref().is_some_and(Keys::are_temporary) {
        context
            .ui
            .warn("these S3 credentials have a session token: they end by themselves, and the backup with them");
    }
    let sealer = match keys.is_some() || url.is_some() {
        true => sealer(given, namespace, kubernetes).await?,
        false => None,
    };
    let name = given.s3_secret.as_deref().unwrap_or(names::S3_SECRET);
    let credentials = match (keys, &sealer) {
        (None, _) => Credentials::Existing(name.to_owned()),
        (Some(keys), None) => Credentials::Given(keys),
        (Some(keys), Some(sealer)) => Credentials::Sealed(sealer.keys(&keys)?),
    };
    let Some(url) = url else {
        return Ok((credentials, None));
    };
    let sealed = sealer.map(|sealer| sealer.ping(&url)).transpose()?;
    Ok((credentials, Some(Ping { url, sealed })))
}

fn ping_url(flags: &CredentialFlags) -> Result<Option<PingUrl>, Failure> {
    let Some(file) = &flags.ping_url_file else {
        return Ok(None);
    };
    let text = text(file, "--ping-url-file")?;
    PingUrl::of_text(&text, &format!("`{}`", file.display())).map(Some)
}

/// To whom what is secret is sealed, if that is wanted.
async fn sealer(
    flags: &CredentialFlags,
    namespace: &str,
    kubernetes: &KubernetesFlags,
) -> Result<Option<Sealer>, Failure> {
    let certificate = certificate(flags, kubernetes).await?;
    Ok(certificate.map(|certificate| Sealer {
        certificate,
        namespace: namespace.to_owned(),
        scope: match flags.seal_scope {
            ScopeFlag::Strict => Scope::Strict,
            ScopeFlag::NamespaceWide => Scope::NamespaceWide,
            ScopeFlag::ClusterWide => Scope::ClusterWide,
        },
    }))
}

fn keys(flags: &CredentialFlags, profile: Option<&str>) -> Result<Option<Keys>, Failure> {
    let pair = flags
        .s3_access_key_id_file
        .as_deref()
        .zip(flags.s3_secret_access_key_file.as_deref());
    match (&flags.s3_credentials_file, pair) {
        (Some(file), _) => {
            let content = text(file, "--s3-credentials-file")?;
            let source = format!("`{}`", file.display());
            Keys::of_file(&content, profile.unwrap_or("default"), &source).map(Some)
        }
        (None, Some((id, key))) => {
            let id = text(id, "--s3-access-key-id-file")?;
            let key = text(key, "--s3-secret-access-key-file")?;
            Keys::of_texts(&id, &key).map(Some)
        }
        (None, None) => Ok(None),
    }
}

async fn certificate(
    flags: &CredentialFlags,
    kubernetes: &KubernetesFlags,
) -> Result<Option<Certificate>, Failure> {
    let now = Timestamp::now();
    if let Some(file) = &flags.seal_cert {
        let pem = text(file, "--seal-cert")?;
        let source = format!("`{}`", file.display());
        return Certificate::read(pem.as_bytes(), &source, now).map(Some);
    }
    if !flags.seal_from_cluster {
        return Ok(None);
    }
    let pem = of_the_controller(&flags.seal_controller, kubernetes).await?;
    let source = format!("the certificate of `{}`", flags.seal_controller);
    Certificate::read(pem.as_bytes(), &source, now).map(Some)
}

async fn of_the_controller(
    controller: &str,
    kubernetes: &KubernetesFlags,
) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.');
    let name = controller.split_once('/').filter(|(namespace, name)| {
        !namespace.is_empty()
            && !name.is_empty()
            && !name.contains('/')
            && controller.chars().all(plain)
    });
    let (namespace, name) = name.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("`{controller}` names no Service of a namespace"),
        )
        .hint("write it like kube-system/sealed-secrets-controller")
    })?;
    // It is this step that is not possible, whatever the API's reason.
    let refused = |failure: Failure| {
        Failure::new(failure.exit, format!("no certificate to seal to: {}", failure.what))
            .hint("name the controller with `--seal-controller NAMESPACE/SERVICE`, or give its certificate with `--seal-cert FILE`")
    };
    let cluster = kubernetes.client()?.connect().await?;
    let asked = cluster.api.sealing_certificate(namespace, name);
    asked.await.map_err(|error| refused(error.into()))
}

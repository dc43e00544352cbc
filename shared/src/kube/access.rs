//! Credentials for the API: a kubeconfig, found where kubectl finds it, or given by Talos.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use super::api::{API_PORT, Api};
use super::error::{Cause, KubeError, of_client};
use crate::failure::{Exit, Failure};

/// How long a connection may take; a request has its own limit.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a login program may take.
const LOGIN: Duration = Duration::from_secs(30);

/// kubectl's usual file, below the home folder.
const USUAL: &str = ".kube/config";

/// What was typed; nothing is checked yet.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// File instead of KUBECONFIG.
    pub kubeconfig: Option<PathBuf>,
    /// Context instead of the file's.
    pub context: Option<String>,
}

/// Credentials from one source. The server that it names is never asked.
#[derive(Clone)]
pub struct Access {
    source: String,
    kubeconfig: Kubeconfig,
    context: Option<String>,
}

impl Access {
    /// The kubeconfig that was named: by flag, or by KUBECONFIG, whose files are merged; with a
    /// context only, kubectl's usual file. None: nothing was named.
    ///
    /// # Errors
    /// 78: a file cannot be read, or has no such context.
    pub fn named(selection: &Selection) -> Result<Option<Self>, Failure> {
        Self::find(selection, |name| std::env::var_os(name))
    }

    /// The kubeconfig that kubectl would use: the one that was named, else its usual file where
    /// there is one.
    ///
    /// # Errors
    /// 78: a file cannot be read, or has no such context.
    pub(super) fn usual(selection: &Selection) -> Result<Option<Self>, Failure> {
        let named = Self::named(selection)?;
        let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(USUAL));
        match (named, home.filter(|file| file.exists())) {
            (None, Some(file)) => {
                let selection = Selection {
                    kubeconfig: Some(file),
                    context: selection.context.clone(),
                };
                Self::named(&selection)
            }
            (named, _) => Ok(named),
        }
    }

    fn find(
        selection: &Selection,
        variable: impl Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Result<Option<Self>, Failure> {
        let listed = |value: std::ffi::OsString| -> Vec<PathBuf> {
            let paths = std::env::split_paths(&value);
            // kubectl passes over what is not there.
            paths.filter(|path| path.exists()).collect()
        };
        let files = match &selection.kubeconfig {
            Some(file) => vec![file.clone()],
            None => variable("KUBECONFIG").map(listed).unwrap_or_default(),
        };
        if files.is_empty() && selection.context.is_none() {
            return Ok(None);
        }
        let usual = || variable("HOME").map(|home| Path::new(&home).join(USUAL));
        let files = if files.is_empty() {
            usual().into_iter().collect()
        } else {
            files
        };
        let merged = files.iter().try_fold(Kubeconfig::default(), |all, file| {
            let one = read(file)?;
            all.merge(one).map_err(|_| unusable(file))
        })?;
        let names: Vec<String> = files
            .iter()
            .map(|file| format!("`{}`", file.display()))
            .collect();
        let access = Self {
            source: format!("kubeconfig {}", names.join(", ")),
            kubeconfig: merged,
            context: selection.context.clone(),
        };
        access.has_context()?;
        Ok(Some(access))
    }

    /// Of a kubeconfig's text.
    ///
    /// # Errors
    /// 78: it is none.
    pub fn of_text(text: &str, source: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::new(Exit::Config, format!("{source} is no kubeconfig"))
                .hint("name another with `--kubeconfig FILE`")
        };
        let access = Self {
            source: source.to_owned(),
            kubeconfig: Kubeconfig::from_yaml(text).map_err(|_| wrong())?,
            context: None,
        };
        access.has_context()?;
        Ok(access)
    }

    /// Names of its contexts, in its order.
    pub(super) fn contexts(&self) -> Vec<String> {
        let all = self.kubeconfig.contexts.iter();
        all.map(|context| context.name.clone()).collect()
    }

    /// Where it is from, for people.
    pub fn source(&self) -> &str {
        &self.source
    }

    fn has_context(&self) -> Result<(), Failure> {
        let own = self.kubeconfig.current_context.as_deref();
        let wanted = self.context.as_deref().or(own).unwrap_or_default();
        let known: Vec<&str> = self
            .kubeconfig
            .contexts
            .iter()
            .map(|context| context.name.as_str())
            .collect();
        if known.contains(&wanted) {
            return Ok(());
        }
        let what = format!("{}: context `{wanted}` is not in it", self.source);
        Err(Failure::new(Exit::Config, what).hint(format!(
            "it has: {}; choose one with `--kube-context`",
            known.join(", ")
        )))
    }

    /// The API server of this control plane, at its own address. A login program may run.
    ///
    /// # Errors
    /// The credentials cannot be used.
    pub async fn at(&self, host: &str) -> Result<Api, KubeError> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let mut config = self.config(&options, host).await?;
        config.cluster_url = url(host)
            .parse()
            .map_err(|_| failed(host, &self.source, "no address to ask", Cause::Answer))?;
        login(config, host, &self.source).await
    }

    /// The part of the kubeconfig that is chosen; `host` is only named in errors.
    pub(super) async fn config(
        &self,
        options: &KubeConfigOptions,
        host: &str,
    ) -> Result<Config, KubeError> {
        let made = Config::from_custom_kubeconfig(self.kubeconfig.clone(), options).await;
        // Its words could quote what stands there.
        made.map_err(|_| {
            let what = "its context cannot be used";
            failed(host, &self.source, what, Cause::Distrusted)
        })
    }
}

fn failed(host: &str, source: &str, what: &str, cause: Cause) -> KubeError {
    KubeError {
        method: "GET",
        host: host.to_owned(),
        path: "/".to_owned(),
        what: format!("{source}: {what}"),
        cause,
    }
}

/// A client with these credentials. A login program may run.
pub(super) async fn login(mut config: Config, host: &str, source: &str) -> Result<Api, KubeError> {
    let error = |what: &str, cause| failed(host, source, what, cause);
    config.connect_timeout = Some(CONNECT);
    config.default_retry = false;
    // A login program is waited for where it may block nobody.
    let client = tokio::task::spawn_blocking(move || kube::Client::try_from(config));
    let client = match tokio::time::timeout(LOGIN, client).await {
        Ok(Ok(Ok(client))) => client,
        Ok(Ok(Err(refused))) => {
            let (what, cause) = of_client(&refused);
            return Err(error(&what, cause));
        }
        Ok(Err(_)) => return Err(error("its login broke off", Cause::Distrusted)),
        Err(_) => {
            let what = format!("no login within {} s", LOGIN.as_secs());
            return Err(error(&what, Cause::Timeout));
        }
    };
    Ok(Api::new(client, host))
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The API's URL at this host: an IPv6 address is put into brackets.
fn url(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("https://[{address}]:{API_PORT}"),
        Err(_) => format!("https://{host}:{API_PORT}"),
    }
}

fn read(file: &Path) -> Result<Kubeconfig, Failure> {
    if let Err(error) = std::fs::metadata(file) {
        let what = format!("cannot read the kubeconfig `{}`: {error}", file.display());
        return Err(Failure::new(Exit::Config, what)
            .hint("name another with `--kubeconfig FILE` or KUBECONFIG"));
    }
    Kubeconfig::read_from(file).map_err(|_| unusable(file))
}

/// The parser's words could quote a key: only its place is told.
fn unusable(file: &Path) -> Failure {
    let what = format!("`{}` is no kubeconfig", file.display());
    Failure::new(Exit::Config, what).hint("`kubectl config view` reads it too")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(context: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {context}\nclusters:\n- name: c\n  cluster:\n    server: https://vip:6443\ncontexts:\n- name: {context}\n  context:\n    cluster: c\n    user: u\nusers:\n- name: u\n  user:\n    token: planted\n"
        )
    }

    #[test]
    fn files_of_the_variable_are_merged_and_missing_ones_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, text("a")).unwrap();
        std::fs::write(&two, text("b")).unwrap();
        let absent = folder.path().join("absent");
        let list = std::env::join_paths([&absent, &one, &two]).unwrap();
        let variable = |name: &str| (name == "KUBECONFIG").then(|| list.clone());
        let found = Access::find(&Selection::default(), variable).unwrap();
        let found = found.unwrap();
        assert_eq!(found.kubeconfig.contexts.len(), 2);
        assert_eq!(found.kubeconfig.current_context.as_deref(), Some("a"));
        assert!(!format!("{found:?}").contains("planted"));
        let wrong = Selection {
            context: Some("c".to_owned()),
            ..Selection::default()
        };
        let failure = Access::find(&wrong, variable).unwrap_err();
        assert_eq!(failure.exit, Exit::Config);
        assert!(failure.hint.unwrap().contains("it has: a, b"));
    }

    #[test]
    fn what_was_not_named_is_not_looked_for_and_what_was_must_be_there() {
        let none = |_: &str| None;
        assert!(Access::find(&Selection::default(), none).unwrap().is_none());
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("broken");
        std::fs::write(&broken, "users: [{user: {token: planted").unwrap();
        for file in [folder.path().join("absent"), broken] {
            let named = Selection {
                kubeconfig: Some(file),
                context: None,
            };
            let failure = Access::find(&named, none).unwrap_err();
            assert_eq!(failure.exit, Exit::Config);
            assert!(!failure.what.contains("planted"), "{}", failure.what);
        }
    }

    #[test]
    fn an_ipv6_address_is_put_into_brackets() {
        assert_eq!(url("10.0.0.2"), "https://10.0.0.2:6443");
        assert_eq!(url("fd00::2"), "https://[fd00::2]:6443");
    }
}

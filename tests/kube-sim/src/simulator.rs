//! The simulator as a test holds it: started, changed while it runs, gone when dropped.

use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value as Json, json};
use talos_sim::{Authority, Error, Identity, Validity};
use tokio_rustls::TlsAcceptor;

use crate::fault::Fault;
use crate::kubelet::{Kubelet, Runner};
use crate::objects::Objects;
use crate::server::{Shared, held, listen, serve};
use crate::write;

/// The group that may do everything.
pub const ADMIN_GROUP: &str = "system:masters";

/// A server that nobody reaches.
const NOWHERE: &str = "https://192.0.2.1:6443";

/// A running simulator: an API server at each of its addresses.
pub struct KubeSim {
    authority: Authority,
    shared: Arc<Shared>,
    addresses: Vec<Ipv4Addr>,
    servers: Vec<Option<tokio::task::JoinHandle<()>>>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// A kubeconfig for a user of a server, whose certificates one authority signs.
#[must_use]
pub fn kubeconfig(authority: &Authority, user: &Identity, server: &str) -> String {
    // PEM in base64, as a kubeconfig has it.
    let packed = |text: &str| BASE64_STANDARD.encode(text);
    let key = user.key.replace("ED25519 PRIVATE KEY", "PRIVATE KEY");
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: admin@sim\nclusters:\n- name: sim\n  cluster:\n    server: {server}\n    certificate-authority-data: {}\ncontexts:\n- name: admin@sim\n  context:\n    cluster: sim\n    user: admin\nusers:\n- name: admin\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
        packed(&authority.pem()),
        packed(&user.certificate),
        packed(&key),
    )
}

impl KubeSim {
    /// Serves the objects of this snapshot at these addresses, on the port of API servers.
    ///
    /// # Errors
    /// It is no snapshot; an address is taken.
    pub fn start(snapshot: &[u8], addresses: &[Ipv4Addr]) -> Result<Self, Error> {
        let objects = Objects::of(snapshot).map_err(Error::new)?;
        let authority = Authority::new()?;
        let listeners = listen(addresses)
            .map_err(|error| Error::new(format!("listening for the API: {error}")))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Error::new(format!("starting threads: {error}")))?;
        let shared = Arc::new(Shared::default());
        *held(&shared.objects) = objects;
        let mut servers = Vec::new();
        for (place, (listener, address)) in listeners.into_iter().zip(addresses).enumerate() {
            let acceptor = acceptor(&authority, *address)?;
            let serving = serve(place, listener, acceptor, Arc::clone(&shared));
            servers.push(Some(runtime.spawn(serving)));
        }
        let simulator = Self {
            authority,
            shared,
            addresses: addresses.to_vec(),
            servers,
            runtime: Some(runtime),
        };
        simulator.announce();
        Ok(simulator)
    }

    /// Serves the objects of another snapshot from now on.
    ///
    /// # Errors
    /// It is no snapshot.
    pub fn load(&self, snapshot: &[u8]) -> Result<(), Error> {
        *held(&self.shared.objects) = Objects::of(snapshot).map_err(Error::new)?;
        self.announce();
        Ok(())
    }

    /// A kubeconfig for a user of these groups, that names a server which nobody reaches.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn kubeconfig(&self, groups: &[&str]) -> Result<String, Error> {
        let identity = self.authority.client(groups, Validity::year())?;
        Ok(kubeconfig(&self.authority, &identity, NOWHERE))
    }

    /// The same, that names the server at the first address.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn kubeconfig_to_server(&self, groups: &[&str]) -> Result<String, Error> {
        let server = format!("https://{}:{}", self.addresses[0], crate::server::PORT);
        let text = self.kubeconfig(groups)?;
        Ok(text.replace(NOWHERE, &server))
    }

    /// Makes requests for paths that begin so meet a fault: at one server or at all, so many
    /// times or from now on.
    pub fn inject(&self, server: Option<usize>, path: &str, fault: Fault, times: Option<usize>) {
        held(&self.shared.faults).plan(server, path, fault, times);
    }

    /// No fault is met any more.
    pub fn clear_faults(&self) {
        held(&self.shared.faults).clear();
    }

    /// Ends one server: nobody listens there any more.
    pub fn stop(&mut self, server: usize) {
        if let Some(running) = self.servers[server].take() {
            running.abort();
            while !running.is_finished() {
                std::thread::yield_now();
            }
        }
        self.announce();
    }

    /// The kubelet of this node renews its lease no more: it stays as the snapshot has it.
    pub fn silence(&self, node: &str) {
        held(&self.shared.silent).push(node.to_owned());
    }

    /// Changes one object: of this resource (`deployments.apps`), namespace (empty: cluster
    /// scope) and name.
    ///
    /// # Errors
    /// There is no such object.
    pub fn edit(
        &self,
        resource: &str,
        (namespace, name): (&str, &str),
        change: impl FnOnce(&mut Json),
    ) -> Result<(), Error> {
        let edited = write::edit(&self.shared, split(resource), (namespace, name), change);
        edited
            .map(drop)
            .ok_or_else(|| Error::new(format!("no {resource} {namespace}/{name}")))
    }

    /// Puts one object, as [`KubeSim::edit`] names it, of a resource that is served.
    pub fn put(&self, resource: &str, (namespace, name): (&str, &str), object: Json) {
        write::put(&self.shared, split(resource), (namespace, name), object);
    }

    /// One object, as [`KubeSim::edit`] names it.
    #[must_use]
    pub fn get(&self, resource: &str, (namespace, name): (&str, &str)) -> Option<Json> {
        write::get(&self.shared, split(resource), (namespace, name))
    }

    /// Names of all objects of a resource in a namespace.
    #[must_use]
    pub fn names(&self, resource: &str, namespace: &str) -> Vec<String> {
        let (group, name) = split(resource);
        let objects = held(&self.shared.objects);
        let one = objects.resources.get(&(group.to_owned(), name.to_owned()));
        let all = one.iter().flat_map(|one| one.objects.keys());
        all.filter(|(of, _)| of == namespace)
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// Removes one object, as [`KubeSim::edit`] names it.
    pub fn remove(&self, resource: &str, name: (&str, &str)) {
        write::remove(&self.shared, split(resource), name);
    }

    /// Serves a namespaced resource that the snapshot knows nothing of (`jobs.batch`).
    pub fn serve(&self, resource: &str, version: &str, kind: &str) {
        held(&self.shared.objects).serve(split(resource), version, kind);
    }

    /// Runs Jobs from now on.
    pub fn run_jobs(&self, runner: Runner) {
        *held(&self.shared.kubelet) = Some(Arc::new(Kubelet::new(runner)));
    }

    /// Serves a text at a path: what another server answers through the API server's proxy.
    pub fn serve_text(&self, path: &str, text: &str) {
        held(&self.shared.texts).insert(path.to_owned(), text.to_owned());
    }

    /// Every pod that shall run is ready, and every workload has what it should.
    pub fn bring_up(&self) {
        held(&self.shared.objects).bring_up();
    }

    /// What was asked so far, as `GET /api/v1/pods`; ` metadata` behind it: for no more.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        held(&self.shared.requests).clone()
    }

    /// Names of the EndpointSlices behind a Service.
    #[must_use]
    pub fn slices(&self, namespace: &str, service: &str) -> Vec<String> {
        let objects = held(&self.shared.objects);
        let one = objects
            .resources
            .get(&("discovery.k8s.io".to_owned(), "endpointslices".to_owned()));
        let all = one.iter().flat_map(|one| &one.objects);
        let own = all.filter(|((of, _), slice)| {
            of == namespace && slice["metadata"]["labels"]["kubernetes.io/service-name"] == service
        });
        own.map(|((_, name), _)| name.clone()).collect()
    }

    /// Each server that runs writes its address behind `default/kubernetes`.
    fn announce(&self) {
        let pairs = self.addresses.iter().zip(&self.servers);
        let running: Vec<Json> = pairs
            .filter(|(_, server)| server.is_some())
            .map(|(address, _)| json!({"addresses": [address.to_string()], "conditions": {"ready": true}}))
            .collect();
        let slices = "endpointslices.discovery.k8s.io";
        let written = self.edit(slices, ("default", "kubernetes"), |slice| {
            slice["endpoints"] = running.into();
        });
        // A snapshot of something else has no such slice, and needs none.
        drop(written);
    }
}

impl Drop for KubeSim {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// `deployments.apps` is the group `apps` and `deployments`.
fn split(resource: &str) -> write::Kind<'_> {
    let (name, group) = resource.split_once('.').unwrap_or((resource, ""));
    (group, name)
}

/// As kube-apiserver: a certificate is asked for, and who has none is nobody.
fn acceptor(authority: &Authority, address: Ipv4Addr) -> Result<TlsAcceptor, Error> {
    let at = |error: String| Error::new(format!("setting up TLS: {error}"));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(authority.certificate())
        .map_err(|error| at(error.to_string()))?;
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| at(error.to_string()))?;
    let identity = authority.server("kubernetes", address)?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| at(error.to_string()))?
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![identity.certificate], identity.key)
        .map_err(|error| at(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

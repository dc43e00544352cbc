//! Kubernetes' own API servers over the etcd of a simulated Talos, one on each control plane, with
//! the keys that the fixtures' Secrets are encrypted with.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{World, repository, text, tool};
use kube_sim::{ADMIN_GROUP, kubeconfig};
use pem::{EncodeConfig, LineEnding, Pem, encode_config};
use talos_sim::{Authority, Kind};

use crate::process::{Running, other, wait_for};

const PORT: u16 = 6443;

/// API servers, until this is dropped.
pub(super) struct ApiServers {
    _running: Vec<Running>,
    _folder: tempfile::TempDir,
}

impl ApiServers {
    /// Serves what etcd holds on every control plane. Their administrator's kubeconfig is what
    /// Talos gives from now on.
    pub(super) fn over(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
        fs::write(folder.path().join("encryption.yaml"), encryption()).unwrap();
        let nodes = world.talos.nodes().into_iter();
        let control_planes = nodes.filter(|node| node.kind != Kind::Worker);
        let addresses: Vec<Ipv4Addr> = control_planes.map(|node| node.address).collect();
        let etcd = world.talos.etcd_endpoints();
        let server = |(address, etcd): (&Ipv4Addr, &String)| {
            certificate(&authority, *address, folder.path());
            Running::server(&tool("kube-apiserver/kube-apiserver"), |command| {
                arguments(command, folder.path(), *address, etcd);
            })
        };
        let running = addresses.iter().zip(&etcd).map(server).collect();
        let admin = authority.user("admin", &[ADMIN_GROUP]).unwrap();
        let endpoint = format!("https://{}:{PORT}", addresses[0]);
        let config = kubeconfig(&authority, &admin, &endpoint);
        e2e::kubernetes::plant(&config);
        world.talos.set_kubeconfig(&config).unwrap();
        let file = folder.path().join("kubeconfig");
        fs::write(&file, config).unwrap();
        for address in &addresses {
            wait_for(&format!("the API server on {address}"), || {
                let logs = || fs::read_to_string(folder.path().join(format!("{address}.log")));
                ready(&file, *address).then_some(()).or_else(|| {
                    let ended = logs().is_ok_and(|log| log.contains("\nError: "));
                    assert!(!ended, "{}", logs().unwrap());
                    None
                })
            });
        }
        Self {
            _running: running,
            _folder: folder,
        }
    }
}

fn ready(kubeconfig: &Path, address: Ipv4Addr) -> bool {
    let mut kubectl = other(&tool("kubectl/kubectl"));
    kubectl
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["--request-timeout=5s", "get", "--raw", "/readyz", "-s"])
        .arg(format!("https://{address}:{PORT}"));
    let output = kubectl.output().unwrap();
    output.status.success() && text(&output.stdout) == "ok"
}

/// What an API server of Talos is told that matters here. The addresses of this machine's loopback
/// are none that it would publish.
fn arguments(command: &mut Command, folder: &Path, address: Ipv4Addr, etcd: &str) {
    let file = |name: &str| folder.join(name).display().to_string();
    // Talos' key for service accounts is RSA, too.
    let accounts = repository().join("tests/fixtures/sealing/tls.key");
    let accounts = accounts.display();
    command
        .arg(format!("--etcd-servers={etcd}"))
        .arg(format!("--bind-address={address}"))
        .arg(format!("--secure-port={PORT}"))
        .args([
            "--advertise-address=10.0.0.2",
            "--endpoint-reconciler-type=none",
        ])
        .args([
            "--service-cluster-ip-range=10.96.0.0/12",
            "--allow-privileged",
        ])
        .args(["--authorization-mode=Node,RBAC", "--anonymous-auth=false"])
        .arg("--service-account-issuer=https://kubernetes.default")
        .arg(format!("--service-account-key-file={accounts}"))
        .arg(format!("--service-account-signing-key-file={accounts}"))
        .arg(format!(
            "--encryption-provider-config={}",
            file("encryption.yaml")
        ))
        .arg(format!("--client-ca-file={}", file("ca.crt")))
        .arg(format!(
            "--tls-cert-file={}",
            file(&format!("{address}.crt"))
        ))
        .arg(format!(
            "--tls-private-key-file={}",
            file(&format!("{address}.key"))
        ));
    let log = fs::File::create(folder.join(format!("{address}.log"))).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
}

/// A certificate for one server, with the address that its clients come through.
fn certificate(authority: &Authority, address: Ipv4Addr, folder: &Path) {
    let identity = authority.server("kubernetes", address).unwrap();
    let write = |end: &str, label: &str, contents: &[u8]| {
        let lines = EncodeConfig::new().set_line_ending(LineEnding::LF);
        let text = encode_config(&Pem::new(label, contents), lines);
        let file: PathBuf = folder.join(format!("{address}.{end}"));
        fs::write(file, text).unwrap();
    };
    write("crt", "CERTIFICATE", &identity.certificate);
    write("key", "PRIVATE KEY", identity.key.secret_der());
}

/// The API server's own file, out of the document that Talos 1.14 has for it.
fn encryption() -> String {
    let config = repository().join("tests/fixtures/controlplane-documents.yaml");
    let config = fs::read_to_string(config).unwrap();
    let (_, resources) = config.split_once("\nconfig:\n").unwrap();
    let lines = resources
        .lines()
        .map(|line| line.strip_prefix("  ").unwrap());
    let resources: Vec<&str> = lines.collect();
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n{}\n",
        resources.join("\n")
    )
}

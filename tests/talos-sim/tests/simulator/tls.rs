//! Who is let in at all.

use etcdbackup_proto::machine::machine_service_client::MachineServiceClient;
use talos_sim::{Authority, Identity, Purpose, Simulator, Validity, roles};

use crate::client;

fn simulator() -> Simulator {
    Simulator::builder().control_planes(1).start().unwrap()
}

/// Whether a call comes through. TLS 1.3 clients learn of a refusal with their first read.
async fn is_let_in(simulator: &Simulator, identity: &Identity) -> bool {
    let Ok(channel) = client::connect(simulator, 0, identity).await else {
        return false;
    };
    MachineServiceClient::new(channel).version(()).await.is_ok()
}

#[tokio::test]
async fn certificates_are_checked_as_talos_checks_them() {
    let simulator = simulator();
    let authority = simulator.authority();
    let admin = &[roles::ADMIN];
    let good = authority.client(admin, Validity::year()).unwrap();
    assert!(is_let_in(&simulator, &good).await);
    for (refused, identity) in [
        ("expired", authority.client(admin, Validity::expired())),
        (
            "not yet valid",
            authority.client(admin, Validity::not_yet()),
        ),
        (
            "also for servers",
            authority.client_for(admin, Validity::year(), Purpose::ClientAndServer),
        ),
        (
            "for anything",
            authority.client_for(admin, Validity::year(), Purpose::Any),
        ),
        (
            "of another CA",
            Authority::new().unwrap().client(admin, Validity::year()),
        ),
    ] {
        assert!(
            !is_let_in(&simulator, &identity.unwrap()).await,
            "a certificate {refused} was let in"
        );
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let simulator = simulator();
    let tls = tonic::transport::ClientTlsConfig::new().ca_certificate(
        tonic::transport::Certificate::from_pem(simulator.authority().pem()),
    );
    let endpoint =
        tonic::transport::Endpoint::from_shared(format!("https://{}", simulator.apid(0))).unwrap();
    let answer = match endpoint.tls_config(tls).unwrap().connect().await {
        Ok(channel) => MachineServiceClient::new(channel)
            .version(())
            .await
            .map(drop)
            .map_err(drop),
        Err(_) => Err(()),
    };
    assert!(answer.is_err());
}

#[test]
fn a_talosconfig_holds_the_files_as_base64() {
    use base64::Engine as _;
    let simulator = simulator();
    let mut config = simulator.talosconfig(&[roles::READER]).unwrap();
    config.nodes = vec!["cp-1".to_owned()];
    let text = config.render();
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("        {key}: ")))
            .unwrap();
        String::from_utf8(base64::prelude::BASE64_STANDARD.decode(line).unwrap()).unwrap()
    };
    assert_eq!(value("ca"), simulator.authority().pem());
    assert_eq!(value("crt"), config.identity.certificate);
    assert!(value("key").starts_with("-----BEGIN ED25519 PRIVATE KEY-----"));
    let expected = format!(
        "        endpoints:\n            - {}\n        nodes:\n            - cp-1\n",
        simulator.address(0)
    );
    assert!(text.contains(&expected), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("talosconfig");
    config.write(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn many_simulators_start_fast_side_by_side() {
    let begun = std::time::Instant::now();
    let simulators: Vec<_> = (0..10)
        .map(|_| Simulator::builder().start().unwrap())
        .collect();
    let each = begun.elapsed() / 10;
    assert!(
        each < std::time::Duration::from_millis(500),
        "{each:?} for one start"
    );
    let mut addresses: Vec<_> = simulators.iter().flat_map(Simulator::endpoints).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 30);
}

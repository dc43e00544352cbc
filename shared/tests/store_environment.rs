//! The S3 store in the environments it is started in: credentials, profiles, endpoints,
//! proxies and CAs of the AWS variables and files.
//!
//! A process cannot change its own environment safely, so this one starts itself again for
//! each case: the child stores one object and says how it went.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests stop at the first surprise; the scripted server is shared"
)]

mod scripted;

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcdbackup::store::{Destination, RetryPolicy, StoreOptions};
use tokio::process::Command;

use self::scripted::{Action, Server};

const CHILD: &str = "STORE_ENVIRONMENT_CHILD";
const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "planted-id"),
    ("AWS_SECRET_ACCESS_KEY", "planted-secret"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::var_os(CHILD).is_some() {
        return child().await;
    }
    no_credentials_are_a_configuration_error().await;
    a_hanging_metadata_service_is_not_waited_for().await;
    an_unknown_profile_is_a_configuration_error().await;
    variables_give_keys_endpoint_and_region().await;
    the_special_endpoint_wins_over_the_general_one().await;
    a_profile_gives_keys_endpoint_and_region().await;
    a_helper_program_is_asked_once().await;
    a_failing_helper_program_is_said_without_its_words().await;
    an_untrusted_server_is_said_and_a_ca_bundle_helps().await;
    a_proxy_is_used().await;
    println!("store_environment: 10 cases passed");
}

/// Stores one object and prints how it went: the exit code and all that a person could see.
async fn child() {
    let destination = Destination::parse("s3://backups/prod").unwrap();
    let retry = RetryPolicy {
        attempts: 2,
        first_pause: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    let profile = std::env::var("CHILD_PROFILE").ok();
    let ca_file = std::env::var_os("CHILD_CA_FILE").map(Into::into);
    let options = StoreOptions {
        retry,
        s3_profile: profile,
        s3_ca_file: ca_file,
        ..StoreOptions::default()
    };
    let stored = match etcdbackup::store::open(&destination, &options).await {
        Ok(store) => store
            .put("prod/a.snap", Bytes::from_static(b"x"), false)
            .await
            .map_err(Into::into),
        Err(failure) => Err(failure),
    };
    match stored {
        Ok(()) => println!("exit 0"),
        Err(failure) => println!("exit {}: {failure:?}", failure.exit.code()),
    }
}

/// Runs the child in an environment of nothing but `variables` and a home of its own.
async fn run(home: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env_clear()
        .env(CHILD, "1")
        .env("HOME", home)
        .kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    let output = command.envs(variables.iter().copied()).output();
    let output = tokio::time::timeout(Duration::from_secs(60), output)
        .await
        .unwrap()
        .unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("planted"), "a secret is shown: {text}");
    text
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The region of the one object the server was given.
fn region(server: &Server) -> String {
    let log = server.log_of(Action::Put);
    assert_eq!(log.len(), 1);
    let authorization = log[0].header("authorization").unwrap();
    authorization.split('/').nth(2).unwrap().to_owned()
}

async fn no_credentials_are_a_configuration_error() {
    let text = run(home().path(), &[("AWS_EC2_METADATA_DISABLED", "true")]).await;
    assert!(
        text.starts_with("exit 78") && text.contains("AWS_ACCESS_KEY_ID"),
        "{text}"
    );
}

async fn a_hanging_metadata_service_is_not_waited_for() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let started = Instant::now();
    let text = run(
        home().path(),
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())],
    )
    .await;
    assert!(text.starts_with("exit 78"), "{text}");
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

async fn an_unknown_profile_is_a_configuration_error() {
    for variable in ["CHILD_PROFILE", "AWS_PROFILE"] {
        let text = run(
            home().path(),
            &[(variable, "nobody"), ("AWS_EC2_METADATA_DISABLED", "true")],
        )
        .await;
        assert!(text.starts_with("exit 78"), "{text}");
    }
}

async fn variables_give_keys_endpoint_and_region() {
    let server = Server::start().await;
    let endpoint = ("AWS_ENDPOINT_URL", server.url.as_str());
    let text = run(
        home().path(),
        &[KEYS[0], KEYS[1], endpoint, ("AWS_REGION", "eu-west-1")],
    )
    .await;
    assert!(text.starts_with("exit 0"), "{text}");
    assert_eq!(region(&server), "eu-west-1");
}

async fn the_special_endpoint_wins_over_the_general_one() {
    let (server, other) = (Server::start().await, Server::start().await);
    let special = ("AWS_ENDPOINT_URL_S3", server.url.as_str());
    let text = run(
        home().path(),
        &[
            KEYS[0],
            KEYS[1],
            special,
            ("AWS_ENDPOINT_URL", other.url.as_str()),
        ],
    )
    .await;
    assert!(text.starts_with("exit 0"), "{text}");
    assert_eq!(
        region(&server),
        "us-east-1",
        "what a store without regions expects"
    );
    assert!(other.log().is_empty());
}

async fn a_profile_gives_keys_endpoint_and_region() {
    let server = Server::start().await;
    let home = home();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let config = format!(
        "[profile nas]\nregion = garage\nendpoint_url = {}\n",
        server.url
    );
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let credentials =
        "[nas]\naws_access_key_id = planted-id\naws_secret_access_key = planted-secret\n";
    std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    let text = run(home.path(), &[("CHILD_PROFILE", "nas")]).await;
    assert!(text.starts_with("exit 0"), "{text}");
    assert_eq!(region(&server), "garage");
}

/// A home whose default profile asks a helper program, a shell script of `lines`.
fn home_with_helper(lines: &str) -> tempfile::TempDir {
    let home = home();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let script = home.path().join("helper.sh");
    std::fs::write(&script, lines).unwrap();
    let config = format!("[default]\ncredential_process = sh {}\n", script.display());
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    home
}

async fn a_helper_program_is_asked_once() {
    let server = Server::start().await;
    let home = home_with_helper(
        "echo asked >> \"$HOME/asked\"\n\
         echo '{\"Version\":1,\"AccessKeyId\":\"planted-id\",\"SecretAccessKey\":\"planted-secret\"}'\n",
    );
    let text = run(home.path(), &[("AWS_ENDPOINT_URL_S3", server.url.as_str())]).await;
    assert!(text.starts_with("exit 0"), "{text}");
    assert_eq!(
        std::fs::read_to_string(home.path().join("asked")).unwrap(),
        "asked\n"
    );
}

async fn a_failing_helper_program_is_said_without_its_words() {
    for lines in ["echo planted-secret >&2; exit 1\n", "echo planted-secret\n"] {
        let text = run(
            home_with_helper(lines).path(),
            &[("AWS_EC2_METADATA_DISABLED", "true")],
        )
        .await;
        assert!(
            text.starts_with("exit 77") || text.starts_with("exit 78"),
            "{text}"
        );
        assert!(text.contains("hint: Some"), "{text}");
    }
}

async fn an_untrusted_server_is_said_and_a_ca_bundle_helps() {
    let (server, authority) = Server::start_tls().await;
    let home = home();
    let file = home.path().join("ca.pem");
    std::fs::write(&file, authority).unwrap();
    let file = file.to_str().unwrap();
    let endpoint = ("AWS_ENDPOINT_URL_S3", server.url.as_str());
    let text = run(home.path(), &[KEYS[0], KEYS[1], endpoint]).await;
    assert!(
        text.starts_with("exit 69") && text.contains("--s3-ca-file"),
        "{text}"
    );
    assert!(server.log().is_empty());
    for variable in ["AWS_CA_BUNDLE", "CHILD_CA_FILE"] {
        let text = run(home.path(), &[KEYS[0], KEYS[1], endpoint, (variable, file)]).await;
        assert!(text.starts_with("exit 0"), "{variable}: {text}");
    }
    let text = run(
        home.path(),
        &[
            KEYS[0],
            KEYS[1],
            endpoint,
            ("AWS_CA_BUNDLE", "/nowhere.pem"),
        ],
    )
    .await;
    assert!(
        text.starts_with("exit 78") && text.contains("/nowhere.pem"),
        "{text}"
    );
}

async fn a_proxy_is_used() {
    let proxy = Server::start().await;
    let endpoint = ("AWS_ENDPOINT_URL_S3", "http://store.invalid");
    let text = run(
        home().path(),
        &[
            KEYS[0],
            KEYS[1],
            endpoint,
            ("HTTP_PROXY", proxy.url.as_str()),
        ],
    )
    .await;
    assert!(text.starts_with("exit 0"), "{text}");
    assert_eq!(
        proxy.log_of(Action::Put)[0].target,
        "http://store.invalid/backups/prod/a.snap?x-id=PutObject"
    );
}

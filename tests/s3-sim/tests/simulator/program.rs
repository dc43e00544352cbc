//! The program: one line of JSON, then it serves until it is asked to end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use aws_sdk_s3::Client;

#[tokio::test]
async fn it_serves_until_its_stdin_closes() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_s3-sim"))
        .args(["--bucket", "other", "--until-stdin-closes"])
        .args(["--fault", "ListObjectsV2*1=503:SlowDown"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let endpoint = ready["endpoint"].as_str().unwrap();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .force_path_style(true)
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_s3::config::Credentials::new(
            "s3-sim",
            "s3-sim-secret",
            None,
            None,
            "test",
        ));
    let client = Client::from_conf(config.build());
    let list = client.list_objects_v2().bucket("other").send().await;
    assert_eq!(
        list.unwrap().contents().len(),
        0,
        "asked again after the 503"
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

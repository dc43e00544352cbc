//! The official Talos client library, as `talosctl` uses it, against our simulator.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use e2e::{programs, tool};
use serde_json::{Value, json};

use crate::etcd_tools::ETCD_3_6;
use crate::process::{PATIENCE, Running, json, other, wait_for};

const ROLES: [&str; 4] = ["os:admin", "os:operator", "os:reader", "os:etcd:backup"];

/// The simulator's program: three control planes, a worker, a talosconfig for each role.
struct Sim {
    _running: Running,
    ready: Value,
    folder: tempfile::TempDir,
}

impl Sim {
    fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    /// With a ready snapshot instead of etcd.
    fn serving(snapshot: &[u8], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("snapshot");
        fs::write(&file, snapshot).unwrap();
        let source = ["--source", file.to_str().unwrap()];
        Self::start_in(folder, &[&source, arguments].concat())
    }

    fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let file = |name: &str| folder.path().join(name).display().to_string();
        let mut command = Command::new(programs().join("talos-sim"));
        command
            .args(["--until-stdin-closes", "--name", "prod", "--workers", "1"])
            .args(["--expired", &file("expired")])
            .args(arguments);
        for role in ROLES {
            command.arg("--talosconfig-role");
            command.arg(format!("{role}={}", file(role)));
        }
        let (running, ready) = Running::with_line(&mut command);
        Self {
            _running: running,
            ready,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn node(&self, index: usize) -> &str {
        self.ready["nodes"][index].as_str().unwrap()
    }

    fn worker(&self) -> &str {
        self.ready["workers"][0].as_str().unwrap()
    }

    /// A call with the certificate of a talosconfig.
    fn call(&self, talosconfig: &str, arguments: &[&str]) -> Value {
        let mut command = other(&tool("talos-go/talos-client"));
        command.arg("-talosconfig").arg(self.path(talosconfig));
        json(command.args(arguments))
    }

    /// A call with an admin's certificate through one endpoint.
    fn through(&self, endpoint: &str, arguments: &[&str]) -> Value {
        self.call("os:admin", &[&["-endpoints", endpoint], arguments].concat())
    }

    /// A snapshot through the library, and its bytes.
    fn snapshot(&self, role: &str, routing: &[&str]) -> (Value, Vec<u8>) {
        let file = self.path("taken");
        let call = format!("snapshot={}", file.display());
        let said = self.call(role, &[routing, &[&call]].concat());
        (said, fs::read(file).unwrap_or_default())
    }
}

fn sample() -> Vec<u8> {
    talos_sim::sample::snapshot(100_000)
}

/// The one message of an answer that holds no failure.
fn message(said: &Value) -> &Value {
    let messages = said["answer"]["messages"].as_array();
    let messages = messages.unwrap_or_else(|| panic!("no answer: {said}"));
    assert_eq!(messages.len(), 1, "{said}");
    assert!(said["error"].is_null() && said["nodes"].is_null(), "{said}");
    &messages[0]
}

/// The status of a member whose cluster has agreed on its version: etcd does so, and moves its
/// storage up, some seconds after its start.
fn settled_status(sim: &Sim, node: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let status = sim.through(sim.node(0), &["-node", node, "status"]);
        let message = message(&status).clone();
        if message["memberStatus"]["storageVersion"] == "3.6.0" || Instant::now() > until {
            return message;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_whole_cluster_answers() {
    let etcd = tool("etcd-3.6/etcd");
    let sim = Sim::start(&["--etcd", etcd.to_str().unwrap(), "--fill", "100"]);
    // No routing, several endpoints: the library's own balancer chooses.
    let version = sim.call("os:admin", &["version"]);
    assert_eq!(message(&version)["version"]["tag"], "v1.13.9");
    assert_eq!(message(&version)["features"]["rbac"], true);

    let services = sim.through(sim.node(0), &["services"]);
    let services = message(&services)["services"].as_array().unwrap();
    let etcd = services.iter().find(|service| service["id"] == "etcd");
    let etcd = etcd.expect("a service etcd");
    assert_eq!(
        (&etcd["state"], &etcd["health"]["healthy"]),
        (&json!("Running"), &json!(true))
    );

    let members = sim.through(sim.node(1), &["members"]);
    let members = message(&members)["members"].as_array().unwrap();
    let ids: Vec<&Value> = members.iter().map(|member| &member["id"]).collect();
    assert_eq!(ids.len(), 3);
    let mut seen = Vec::new();
    for index in 0..3 {
        let message = settled_status(&sim, sim.node(index));
        assert!(message["metadata"].is_null(), "{message}");
        let status = &message["memberStatus"];
        assert!(ids.contains(&&status["leader"]), "{status}");
        assert_eq!(status["storageVersion"], "3.6.0");
        assert!(
            status["protocolVersion"]
                .as_str()
                .unwrap()
                .starts_with("3.6.")
        );
        let index = ids.iter().position(|id| **id == status["memberId"]);
        seen.push(index.expect("a member's own id"));
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2]);

    let alarms = sim.through(sim.node(2), &["alarms"]);
    assert_eq!(message(&alarms)["memberAlarms"], json!([]));
}

#[test]
fn a_snapshot_is_whole_and_the_members_own() {
    let etcd = tool("etcd-3.6/etcd");
    let sim = Sim::start(&["--etcd", etcd.to_str().unwrap(), "--fill", "300"]);
    let live = sim.ready["etcd"][1].as_str().unwrap();
    for routing in [
        &["-endpoints", sim.node(1)][..],
        &["-node", sim.node(1)],
        &["-nodes", sim.node(1)],
    ] {
        let (said, bytes) = sim.snapshot("os:admin", routing);
        assert_eq!(said["answer"]["bytes"], bytes.len(), "{said}");
        assert_eq!(bytes.len() % 512, 32);
        let (content, trailer) = bytes.split_at(bytes.len() - 32);
        assert_eq!(digest(&SHA256, content).as_ref(), trailer);
        assert_eq!(
            ETCD_3_6.hash_of_file(&sim.path("taken")),
            ETCD_3_6.hash_of_server(live)
        );
    }
    let status = ETCD_3_6.status(&sim.path("taken"));
    assert_eq!(status["totalKey"], ETCD_3_6.count(live));
}

#[test]
fn messages_are_of_a_kibibyte_and_a_cut_looks_like_success() {
    let sim = Sim::serving(&sample(), &["--fault", "cp-2=cut:5000"]);
    let said = sim.through(sim.node(0), &["-unfiltered", "snapshot"]);
    let messages = sample().len().div_ceil(1024);
    assert_eq!(
        (&said["answer"]["messages"], &said["answer"]["largest"]),
        (&json!(messages), &json!(1024))
    );
    let (said, bytes) = sim.snapshot("os:admin", &["-node", sim.node(1)]);
    assert!(said["error"].is_null(), "{said}");
    assert_eq!(bytes, sample()[..5000]);
}

#[test]
fn roles_let_in_what_talos_lets_in() {
    let sim = Sim::serving(&sample(), &[]);
    let calls = [
        "version", "services", "members", "status", "alarms", "snapshot",
    ];
    for (role, allowed) in [
        ("os:admin", &calls[..]),
        ("os:operator", &calls[..]),
        ("os:reader", &calls[..5]),
        ("os:etcd:backup", &calls[2..]),
    ] {
        for call in calls {
            let said = sim.call(role, &["-node", sim.node(1), "-unfiltered", call]);
            if allowed.contains(&call) {
                assert!(said["error"].is_null(), "{role} {call}: {said}");
            } else {
                let denied = json!({"code": "PermissionDenied", "message": "not authorized"});
                assert_eq!(said["error"], denied, "{role} {call}");
            }
        }
    }
    let (said, _) = sim.snapshot("os:reader", &["-node", sim.node(1)]);
    assert_eq!(said["error"]["code"], "PermissionDenied");
}

#[test]
fn of_several_nodes_a_failing_one_is_a_message() {
    let sim = Sim::serving(&sample(), &["--fault", "cp-2=down"]);
    let all = [sim.node(0), sim.node(1), sim.node(2), sim.worker()].join(",");
    let said = sim.through(sim.node(0), &["-nodes", &all, "status"]);
    let good: Vec<&Value> = said["answer"]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(good.len(), 2, "{said}");
    for message in good {
        let from = &message["metadata"]["hostname"];
        assert!(*from == *sim.node(0) || *from == *sim.node(2), "{message}");
        assert_eq!(message["metadata"]["error"], "");
        assert!(message["metadata"]["status"].is_null());
    }
    let mut failed: Vec<_> = said["nodes"].as_array().unwrap().iter().collect();
    failed.sort_by_key(|failure| failure["code"].as_str().unwrap().to_owned());
    assert_eq!(failed[0]["node"], sim.node(1));
    assert_eq!(failed[0]["code"], "Unavailable");
    let only = "etcd status is only available on control plane nodes";
    assert_eq!(
        *failed[1],
        json!({"node": sim.worker(), "code": "Unimplemented", "message": only})
    );

    let wire = sim.through(
        sim.node(0),
        &["-unfiltered", "-nodes", sim.worker(), "status"],
    );
    let shape = json!({
        "metadata": {
            "hostname": sim.worker(),
            "error": format!("rpc error: code = Unimplemented desc = {only}"),
            "status": {"code": 12, "message": only, "details": []},
        },
    });
    assert_eq!(*message(&wire), shape);
}

#[test]
fn of_several_streams_a_failing_one_is_a_message_too() {
    let sim = Sim::serving(
        &sample(),
        &["--fault", "cp-2=down", "--fault", "cp-3=fail:3000"],
    );
    let both = [sim.node(0), sim.node(1)].join(",");
    let said = sim.through(sim.node(0), &["-unfiltered", "-nodes", &both, "snapshot"]);
    let (answer, messages) = (&said["answer"], sample().len().div_ceil(1024));
    assert_eq!(
        answer["labels"],
        json!({sim.node(0): messages, sim.node(1): 1})
    );
    assert_eq!(answer["bytes"], sample().len());
    let errors = answer["errors"].as_array().unwrap();
    assert!(
        errors[0]
            .as_str()
            .unwrap()
            .starts_with("rpc error: code = Unavailable desc = ")
    );
    // As the library reads a stream of one node: the message is the reader's error.
    let (said, bytes) = sim.snapshot(
        "os:admin",
        &["-endpoints", sim.node(0), "-nodes", sim.node(2)],
    );
    assert_eq!(said["error"]["code"], "Unknown", "{said}");
    assert_eq!(bytes, sample()[..3000]);
}

#[test]
fn a_worker_is_no_endpoint_but_answers_for_itself() {
    let sim = Sim::serving(&sample(), &[]);
    let forwarded = json!({"code": "PermissionDenied", "message": "no request forwarding"});
    let both = [sim.worker(), sim.node(0)].join(",");
    for routing in [
        ["-node", sim.node(0)],
        ["-nodes", sim.node(0)],
        ["-nodes", &both],
    ] {
        let said = sim.through(sim.worker(), &[&routing[..], &["version"]].concat());
        assert_eq!(said["error"], forwarded, "{routing:?}");
    }
    for routing in [&[][..], &["-node", sim.worker()], &["-nodes", sim.worker()]] {
        let said = sim.through(sim.worker(), &[routing, &["version"]].concat());
        // It skips its own proxy, which would have added its name.
        assert!(message(&said)["metadata"].is_null(), "{routing:?}: {said}");
    }
    let said = sim.through(sim.worker(), &["-unfiltered", "snapshot"]);
    assert_eq!(said["error"]["code"], "Unimplemented");
}

#[test]
fn wrong_targets_and_certificates_have_talos_errors() {
    let sim = Sim::serving(&sample(), &[]);
    let with_port = format!("{}:50000", sim.node(1));
    let said = sim.through(sim.node(0), &["-node", &with_port, "version"]);
    let expected = format!("invalid target {with_port:?}");
    assert_eq!(
        said["error"],
        json!({"code": "Internal", "message": expected})
    );

    // What a server says last can be lost when it closes.
    wait_for("an alert", || {
        let said = sim.call("expired", &["-endpoints", sim.node(0), "version"]);
        assert_eq!(said["error"]["code"], "Unavailable");
        let text = said["error"]["message"].as_str().unwrap();
        text.contains("tls: expired certificate").then_some(())
    });

    let stranger = Sim::serving(&sample(), &[]);
    let said = stranger.call("os:admin", &["-endpoints", sim.node(0), "version"]);
    let text = said["error"]["message"].as_str().unwrap();
    assert!(
        text.contains("certificate signed by unknown authority"),
        "{text}"
    );
}

#[test]
fn resources_are_read_and_only_of_one_node() {
    let sim = Sim::serving(&sample(), &[]);
    let endpoint = sim.node(0);
    let kind = |node: &str| sim.through(endpoint, &["-node", node, "machine-type"]);
    assert_eq!(kind(sim.node(1))["answer"], "controlplane");
    assert_eq!(kind(sim.worker())["answer"], "worker");
    let said = sim.through(endpoint, &["cluster"]);
    assert_eq!(said["answer"]["name"], "prod", "{said}");
    let members = said["answer"]["members"].as_array().unwrap();
    let worker = json!({
        "id": "worker-1", "hostname": "worker-1", "addresses": [sim.worker()],
        "machineType": "worker", "controlPlane": false,
    });
    assert_eq!((members.len(), &members[3]), (4, &worker));
    let said = sim.through(endpoint, &["-nodes", sim.node(1), "machine-type"]);
    assert_eq!(said["error"]["code"], "InvalidArgument");
    let said = sim.call("os:etcd:backup", &["-node", sim.node(1), "machine-type"]);
    assert_eq!(said["error"]["code"], "PermissionDenied");
}

/// The state of etcd's service; empty: it is not loaded, or nobody answers.
fn etcd_state(sim: &Sim) -> String {
    let said = sim.through(sim.node(0), &["services"]);
    let services = said["answer"]["messages"][0]["services"].as_array();
    let services = services.map_or(&[][..], Vec::as_slice).iter();
    let mut etcd = services.filter(|service| service["id"] == "etcd");
    let state = etcd.next().and_then(|service| service["state"].as_str());
    state.unwrap_or_default().to_owned()
}

/// As a person restores with `talosctl`: wipe, upload, bootstrap, and watch.
#[test]
fn the_library_wipes_recovers_bootstraps_and_follows_the_events() {
    let etcd = tool("etcd-3.6/etcd");
    let start = ["--nodes", "1", "--etcd", etcd.to_str().unwrap()];
    let sim = Sim::start(&[&start[..], &["--fill", "100"]].concat());
    let live = sim.ready["etcd"][0].as_str().unwrap();
    let before = ETCD_3_6.hash_of_server(live);
    let (_, bytes) = sim.snapshot("os:admin", &["-node", sim.node(0)]);
    assert_eq!(bytes.len() % 512, 32);
    let kind = sim.through(sim.node(0), &["-node", sim.node(0), "machine-type"]);
    assert_eq!(kind["answer"], "controlplane");

    let slowly = ["-timeout", "60s", "-node", sim.node(0)];
    let call = |call: &str| sim.through(sim.node(0), &[&slowly[..], &[call]].concat());
    let denied = sim.call("os:operator", &[&slowly[..], &["wipe"]].concat());
    assert_eq!(denied["error"]["code"], "PermissionDenied", "{denied}");
    // A directory is no partition.
    let refused = call("wipe=ETCD");
    assert_eq!(refused["error"]["code"], "Unknown", "{refused}");
    let wiped = call("wipe");
    let heard = |list: &str, word: &str| {
        let all = wiped["answer"][list].as_array().unwrap();
        assert!(all.iter().any(|one| one == word), "{word}: {wiped}");
    };
    assert_eq!(wiped["answer"]["actor"].as_str().unwrap().len(), 36);
    heard("sequences", "reset START");
    heard("phases", "stopEverything");
    heard("tasks", "stopAllServices");

    wait_for("a node that waits", || {
        (etcd_state(&sim) == "Preparing").then_some(())
    });
    let upload = call(&format!("recover={}", sim.path("taken").display()));
    assert!(message(&upload)["metadata"].is_null(), "{upload}");
    let begun = call("bootstrap");
    assert!(
        begun["error"].is_null() && begun["nodes"].is_null(),
        "{begun}"
    );
    let followed = call("events=RUNNING");
    let states = followed["answer"]["states"].as_array().unwrap();
    for state in ["PREPARING", "FINISHED", "RUNNING"] {
        assert!(states.iter().any(|one| one == state), "{state}: {followed}");
    }
    let again = call("bootstrap");
    assert_eq!(
        again["error"],
        json!({"code": "AlreadyExists", "message": "etcd data directory is not empty"})
    );
    assert_eq!(ETCD_3_6.hash_of_server(live), before);
}

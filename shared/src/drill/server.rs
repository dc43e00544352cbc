//! The throw-away etcd: restored into a private folder, on loopback ports of its own.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::client::Client;
use super::tools::Tools;
use super::{Expected, Version};
use crate::failure::{Exit, Failure};

/// Name of the one member.
pub(super) const NAME: &str = "drill";
/// Between two looks whether it answers.
const POLL: Duration = Duration::from_millis(100);
/// Above any database: a quota that is reached raises an alarm.
const QUOTA: &str = "17179869184";
/// Lines of a log in an error.
const LOG_LINES: usize = 4;
/// Ports are found free and may be taken before etcd takes them.
const TRIES: usize = 3;

/// A running etcd; killed when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) client: Client,
}

impl Server {
    /// Ends it and waits for its end.
    pub(super) async fn stop(mut self) {
        // Dropping kills too; waiting makes sure that nothing writes into the folder any more.
        let _gone = self.child.kill().await;
    }
}

/// Restores `snapshot` below `folder` and starts etcd on it.
pub(super) async fn restore_and_start(
    snapshot: &Path,
    expected: &Expected,
    tools: &Tools,
    folder: &Path,
) -> Result<Server, Failure> {
    let mut last = None;
    for turn in 0..TRIES {
        let data = folder.join(format!("data-{turn}"));
        let ports = Ports::free()?;
        restore(snapshot, expected, tools, &data, &ports).await?;
        match start(tools, folder, &data, &ports).await {
            Ok(server) => return Ok(server),
            Err(failure) if failure.what.contains("address already in use") => last = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(Exit::Unreachable, "etcd did not start")))
}

struct Ports {
    client: String,
    peer: String,
}

impl Ports {
    fn free() -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(Exit::Io, format!("no free port on loopback: {error}"))
        };
        // Both are held until both are known, so they differ.
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (client, peer) = (bind().map_err(cannot)?, bind().map_err(cannot)?);
        let url = |listener: &TcpListener| {
            let address = listener.local_addr().map_err(cannot)?;
            Ok::<_, Failure>(format!("http://{address}"))
        };
        Ok(Self {
            client: url(&client)?,
            peer: url(&peer)?,
        })
    }
}

async fn restore(
    snapshot: &Path,
    expected: &Expected,
    tools: &Tools,
    data: &Path,
    ports: &Ports,
) -> Result<(), Failure> {
    let mut command = Command::new(&tools.restorer);
    command
        .args(["snapshot", "restore"])
        .arg(snapshot)
        .args(["--name", NAME])
        .arg("--data-dir")
        .arg(data)
        .args(["--initial-cluster", &format!("{NAME}={}", ports.peer)])
        .args(["--initial-advertise-peer-urls", &ports.peer])
        .args(["--initial-cluster-token", NAME])
        .env("ETCDCTL_API", "3")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if expected.raw {
        command.arg("--skip-hash-check=true");
    }
    let output = command.output().await.map_err(|error| {
        let what = format!("cannot run `{}`: {error}", tools.restorer.display());
        Failure::new(Exit::Config, what).hint("name another with `--etcdutl PATH`")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = last_lines(&String::from_utf8_lossy(&output.stderr));
    let what = format!(
        "`{} snapshot restore` refused {}: {said}",
        tools.restorer.display(),
        snapshot.display()
    );
    Err(Failure::new(Exit::Data, what)
        .hint("`talosctl-snapshot-inspect check FILE` tells what is wrong in it"))
}

async fn start(
    tools: &Tools,
    folder: &Path,
    data: &Path,
    ports: &Ports,
) -> Result<Server, Failure> {
    let log = folder.join("etcd.log");
    let cannot = |what: String| {
        Failure::new(Exit::Unreachable, what).hint("name another etcd with `--etcd PATH`")
    };
    let output = File::create(&log)
        .map_err(|error| Failure::new(Exit::Io, format!("cannot write etcd's log: {error}")))?;
    let mut child = command(tools)
        .args(arguments(tools.version, data, ports))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| cannot(format!("cannot start `{}`: {error}", tools.etcd.display())))?;
    let client = Client::new(&ports.client)?;
    loop {
        if client.is_ready().await {
            return Ok(Server { child, client });
        }
        if let Ok(Some(status)) = child.try_wait() {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let said = last_lines(&text);
            return Err(cannot(format!(
                "etcd {} ended ({status}): {said}",
                tools.version
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Through util-linux's setpriv where it is, so that not even our being killed leaves etcd.
fn command(tools: &Tools) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if setpriv.is_file() {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL", "--"]).arg(&tools.etcd);
        command
    } else {
        Command::new(&tools.etcd)
    }
}

fn arguments(version: Version, data: &Path, ports: &Ports) -> Vec<String> {
    let mut arguments = vec![
        format!("--name={NAME}"),
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={}", ports.client),
        format!("--advertise-client-urls={}", ports.client),
        format!("--listen-peer-urls={}", ports.peer),
        format!("--initial-advertise-peer-urls={}", ports.peer),
        format!("--initial-cluster={NAME}={}", ports.peer),
        format!("--initial-cluster-token={NAME}"),
        format!("--quota-backend-bytes={QUOTA}"),
        "--log-level=warn".to_owned(),
        "--logger=zap".to_owned(),
        "--log-outputs=stderr".to_owned(),
    ];
    if version > (Version { major: 3, minor: 4 }) {
        arguments.push("--unsafe-no-fsync".to_owned());
    }
    arguments
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("; ")
}

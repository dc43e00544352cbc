//! One read-only look at one node: every call at once, each with its own deadline, so that what
//! hangs (etcd's own calls, where no etcd listens) costs ten seconds and nothing else.

use jiff::Timestamp;

use super::data::{DATA_DIRECTORY, DataDirectory, UPLOADED_SNAPSHOT};
use super::known::{Known, Unknown, Why};
use super::local_data;
use super::survey::{Clock, NodeSurvey, Reached, Storage};
use crate::talos::{MachineType, Node, Talos, TalosError};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Levels below the data directory: `member`, `snap` and `wal`, their files.
const DATA_DEPTH: i32 = 4;

/// Looks at `node`.
pub(super) async fn look(talos: &Talos, node: &str) -> NodeSurvey {
    match talos.reach(node).await {
        Ok(way) => look_through(&way).await,
        Err(error) => NodeSurvey::unseen(node, &Unknown::from(&error)),
    }
}

async fn look_through(node: &Node<'_>) -> NodeSurvey {
    let reached = Reached {
        endpoint: node.endpoint().to_owned(),
        directly: node.is_endpoint(),
        version: node.version().to_owned(),
        passed: node.passed().to_vec(),
    };
    let machine_type = Known::from(node.machine_type().await);
    if machine_type.is_and(|kind| *kind == MachineType::Worker) {
        return worker(node, reached);
    }
    // Grouped, since a tuple of futures has its limits.
    let (machine, etcd, storage) = tokio::join!(machine_of(node), etcd_of(node), storage_of(node));
    let (hostname, addresses, machine_status, time_synced, clock, boot_id) = machine;
    let (services, status, members, alarms, etcd_config, cluster_members, cluster_name) = etcd;
    let hostname = Known::from(hostname).get().cloned();
    NodeSurvey {
        hostname,
        reached: Known::Is(reached),
        machine_type,
        machine_status: machine_status.into(),
        time_synced: time_synced.into(),
        clock,
        boot_id: boot_id.into(),
        services: services.into(),
        status: status.into(),
        members: members.into(),
        alarms: alarms.into(),
        etcd_config: etcd_config.into(),
        cluster_members: cluster_members.into(),
        cluster_name: cluster_name.into(),
        addresses: addresses.into(),
        storage,
        ..NodeSurvey::unseen(node.name(), &not_asked("a moment ago"))
    }
}

fn worker(node: &Node<'_>, reached: Reached) -> NodeSurvey {
    NodeSurvey {
        reached: Known::Is(reached),
        machine_type: Known::Is(MachineType::Worker),
        ..NodeSurvey::unseen(
            node.name(),
            &not_asked("it is a worker: no etcd runs there"),
        )
    }
}

fn not_asked(reason: &str) -> Unknown {
    Unknown {
        why: Why::NotAsked,
        reason: reason.to_owned(),
    }
}

type Machine = (
    Result<String, TalosError>,
    Result<Vec<String>, TalosError>,
    Result<crate::talos::MachineStatus, TalosError>,
    Result<bool, TalosError>,
    Known<Clock>,
    Result<String, TalosError>,
);

async fn machine_of(node: &Node<'_>) -> Machine {
    tokio::join!(
        node.hostname(),
        node.addresses(),
        node.machine_status(),
        node.time_is_synced(),
        clock(node),
        boot_id(node),
    )
}

/// Changes with every boot.
pub(super) async fn boot_id(node: &Node<'_>) -> Result<String, TalosError> {
    let text = node.read_small(BOOT_ID).await?;
    Ok(text.trim().to_owned())
}

/// What etcd's data directory holds.
pub(super) async fn data_directory(node: &Node<'_>) -> Result<DataDirectory, TalosError> {
    let listing = node.list(DATA_DIRECTORY, DATA_DEPTH).await?;
    Ok(DataDirectory::new(listing))
}

type Etcd = (
    Result<Vec<crate::talos::Service>, TalosError>,
    Result<crate::talos::MemberStatus, TalosError>,
    Result<Vec<crate::talos::Member>, TalosError>,
    Result<Vec<crate::talos::Alarm>, TalosError>,
    Result<crate::talos::EtcdConfig, TalosError>,
    Result<Vec<crate::talos::ClusterMember>, TalosError>,
    Result<String, TalosError>,
);

async fn etcd_of(node: &Node<'_>) -> Etcd {
    tokio::join!(
        node.services(),
        node.etcd_status(),
        node.etcd_members(),
        node.etcd_alarms(),
        node.etcd_config(),
        node.cluster_members(),
        node.cluster_name(),
    )
}

async fn storage_of(node: &Node<'_>) -> Storage {
    let (volumes, mounts, data, uploaded) = tokio::join!(
        node.volumes(),
        node.mounts(),
        data_directory(node),
        node.list(UPLOADED_SNAPSHOT, 1),
    );
    let mounts = Known::from(mounts);
    let local_data = local_data::on(node, mounts.get().map_or(&[], Vec::as_slice)).await;
    let upload = |entries: Option<Vec<crate::talos::FileEntry>>| {
        entries.map(|entries| entries.iter().map(|entry| entry.bytes).sum())
    };
    Storage {
        volumes: volumes.into(),
        data: data.into(),
        uploaded: Known::from(uploaded).map(upload),
        local_data: local_data.into(),
        mounts,
    }
}

/// The kernel's clocks: Talos' own call for the time asks a time server first, which a cluster in
/// trouble may not reach.
async fn clock(node: &Node<'_>) -> Known<Clock> {
    let (uptime, stat) = tokio::join!(
        node.read_small("/proc/uptime"),
        node.read_small("/proc/stat")
    );
    let strange = "its kernel tells the time in a way that is not known here";
    let seconds = match Known::from(uptime) {
        Known::Is(text) => parse_uptime(&text),
        Known::Unknown(unknown) => return Known::Unknown(unknown),
    };
    let Some(seconds) = seconds else {
        return Known::not_asked(strange);
    };
    let now = match Known::from(stat) {
        Known::Is(text) => {
            parse_now(&text, seconds).map_or_else(|| Known::not_asked(strange), Known::Is)
        }
        Known::Unknown(unknown) => Known::Unknown(unknown),
    };
    Known::Is(Clock {
        now,
        uptime_seconds: seconds,
    })
}

/// `/proc/uptime` begins with the seconds since boot.
fn parse_uptime(uptime: &str) -> Option<u64> {
    uptime.split(['.', ' ']).next()?.trim().parse().ok()
}

/// `/proc/stat` has the time of the boot.
fn parse_now(stat: &str, uptime_seconds: u64) -> Option<Timestamp> {
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    let boot: i64 = boot.trim().parse().ok()?;
    let now = boot.checked_add(i64::try_from(uptime_seconds).ok()?)?;
    Timestamp::from_second(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_the_time_and_the_age_of_the_boot() {
        assert_eq!(parse_uptime("1234.56 4321.00\n"), Some(1234));
        assert_eq!(parse_uptime(""), None);
        let now = parse_now("cpu  1 2\nbtime 1700000000\n", 1234).unwrap();
        assert_eq!(now.as_second(), 1_700_001_234);
        assert_eq!(parse_now("cpu", 1), None);
    }
}

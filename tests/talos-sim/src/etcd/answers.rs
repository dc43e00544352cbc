//! What machined says about etcd: asked of the real one, or taken from the node's script.

use etcdbackup_proto::machine::etcd_member_alarm::AlarmType;
use etcdbackup_proto::machine::{EtcdMember, EtcdMemberAlarm, EtcdMemberStatus};
use tonic::Status;

use crate::cluster::{Cluster, Node};
use crate::network::{ETCD_CLIENT_PORT, ETCD_PEER_PORT};
use crate::script::{Alarm, EtcdScript};
use crate::snapshot::Blocks;
use crate::version::TalosVersion;

/// etcd's errors reach Talos' clients with code Unknown and their own text, behind what Talos
/// was doing.
fn while_doing(what: &'static str) -> impl Fn(Status) -> Status {
    move |status| Status::unknown(format!("{what}: {}", status.message()))
}

/// The node's script, once etcd "listens": until then the call hangs.
async fn script(node: &Node) -> EtcdScript {
    let script = node.script().clone();
    if !script.listening {
        std::future::pending::<()>().await;
    }
    script
}

fn quorum(script: &EtcdScript) -> Result<(), Status> {
    if script.quorum {
        Ok(())
    } else {
        Err(Status::unknown("etcdserver: no leader"))
    }
}

/// Whether a node's etcd takes calls.
async fn listens(node: &Node) -> bool {
    match node.etcd.get() {
        Some(etcd) => etcd.listens().await,
        None => node.script().listening,
    }
}

/// Needs quorum. Through the node's own etcd, or else through any that listens.
pub(crate) async fn members(
    node: &Node,
    cluster: &Cluster,
    own: bool,
) -> Result<Vec<EtcdMember>, Status> {
    if own || listens(node).await {
        return members_of(node, cluster).await;
    }
    for other in cluster.control_planes() {
        if listens(other).await {
            return members_of(other, cluster).await;
        }
    }
    members_of(node, cluster).await
}

async fn members_of(node: &Node, cluster: &Cluster) -> Result<Vec<EtcdMember>, Status> {
    if let Some(etcd) = node.etcd.get() {
        let members = etcd.members().await;
        let members = members.map_err(|status| Status::unknown(status.message()))?;
        let members = members.into_iter().map(|member| EtcdMember {
            id: member.id,
            hostname: member.name,
            peer_urls: member.peer_urls,
            client_urls: member.client_urls,
            is_learner: member.is_learner,
        });
        return Ok(members.collect());
    }
    quorum(&script(node).await)?;
    let member = |node: &std::sync::Arc<Node>| {
        let script = node.script();
        EtcdMember {
            id: script.member_id,
            hostname: node.name.clone(),
            peer_urls: vec![format!("https://{}:{ETCD_PEER_PORT}", node.address)],
            client_urls: vec![format!("https://{}:{ETCD_CLIENT_PORT}", node.address)],
            is_learner: script.is_learner,
        }
    };
    Ok(cluster.control_planes().map(member).collect())
}

/// Works without quorum.
pub(crate) async fn status(node: &Node, talos: TalosVersion) -> Result<EtcdMemberStatus, Status> {
    let Some(etcd) = node.etcd.get() else {
        let script = script(node).await;
        return Ok(EtcdMemberStatus {
            storage_version: storage_version(&script.version, "", talos),
            protocol_version: script.version,
            db_size: script.db_size,
            db_size_in_use: script.db_size_in_use,
            leader: script.leader,
            raft_index: script.raft_index,
            raft_term: script.raft_term,
            raft_applied_index: script.raft_applied_index,
            errors: script.errors,
            is_learner: script.is_learner,
            member_id: script.member_id,
        });
    };
    let status = etcd.status().await;
    let status = status.map_err(while_doing("failed to query etcd status"))?;
    Ok(EtcdMemberStatus {
        storage_version: storage_version(&status.version, &status.storage_version, talos),
        protocol_version: status.version,
        db_size: status.db_size,
        db_size_in_use: status.db_size_in_use,
        leader: status.leader,
        raft_index: status.raft_index,
        raft_term: status.raft_term,
        raft_applied_index: status.raft_applied_index,
        errors: status.errors,
        is_learner: status.is_learner,
        member_id: status.header.map_or(0, |header| header.member_id),
    })
}

/// Since Talos 1.11: etcd's own from 3.6 on, before that the version's major and minor.
fn storage_version(version: &str, own: &str, talos: TalosVersion) -> String {
    if !talos.at_least(1, 11) {
        return String::new();
    }
    if !own.is_empty() {
        return own.to_owned();
    }
    let mut numbers = version.split('.');
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => format!("{major}.{minor}.0"),
        _ => "unknown".to_owned(),
    }
}

/// Needs quorum.
pub(crate) async fn alarms(node: &Node, cluster: &Cluster) -> Result<Vec<EtcdMemberAlarm>, Status> {
    let failed = while_doing("failed to list etcd alarms");
    if let Some(etcd) = node.etcd.get() {
        let alarms = etcd.alarms().await.map_err(failed)?.into_iter();
        return Ok(alarms
            .map(|alarm| EtcdMemberAlarm {
                member_id: alarm.member_id,
                alarm: alarm.alarm,
            })
            .collect());
    }
    quorum(&script(node).await).map_err(failed)?;
    let of = |node: &std::sync::Arc<Node>| {
        let script = node.script().clone();
        let alarm = move |alarm| EtcdMemberAlarm {
            member_id: script.member_id,
            alarm: number(alarm),
        };
        script.alarms.into_iter().map(alarm).collect::<Vec<_>>()
    };
    Ok(cluster.control_planes().flat_map(of).collect())
}

fn number(alarm: Alarm) -> i32 {
    match alarm {
        Alarm::NoSpace => AlarmType::Nospace as i32,
        Alarm::Corrupt => AlarmType::Corrupt as i32,
    }
}

/// A local read: works without quorum.
pub(crate) async fn snapshot(node: &Node, cluster: &Cluster) -> Result<Blocks, Status> {
    if let Some(source) = cluster.source() {
        return Ok(source.blocks());
    }
    match node.etcd.get() {
        Some(etcd) => {
            let snapshot = etcd.snapshot().await;
            snapshot.map_err(while_doing("failed reading etcd snapshot"))
        }
        // Neither etcd nor anything in its place: as when etcd does not listen.
        None => std::future::pending().await,
    }
}

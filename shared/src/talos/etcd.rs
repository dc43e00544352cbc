//! What the etcd of a node says, member by member.

use etcdbackup_proto::machine::etcd_member_alarm::AlarmType;
use etcdbackup_proto::machine::{EtcdMember, EtcdMemberListRequest};
use serde::Serialize;

use super::client::Via;
use super::error::TalosError;
use super::member::MemberStatus;
use super::node::Node;

/// A member of the etcd cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name, which on Talos is the host name; empty: it has not started yet.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    pub client_urls: Vec<String>,
    /// It only learns: it has no vote.
    pub is_learner: bool,
}

impl Member {
    /// Hosts of its peer URLs: the addresses it advertises.
    pub fn addresses(&self) -> Vec<String> {
        hosts(&self.peer_urls)
    }
}

/// Hosts of URLs, without brackets.
pub fn hosts(urls: &[String]) -> Vec<String> {
    let host = |text: &String| {
        let url = url::Url::parse(text).ok()?;
        Some(url.host_str()?.trim_matches(['[', ']']).to_owned())
    };
    urls.iter().filter_map(host).collect()
}

impl From<EtcdMember> for Member {
    fn from(member: EtcdMember) -> Self {
        Self {
            id: member.id,
            name: member.hostname,
            peer_urls: member.peer_urls,
            client_urls: member.client_urls,
            is_learner: member.is_learner,
        }
    }
}

/// An alarm that a member raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alarm {
    /// The member's id.
    pub member: u64,
    /// Its kind.
    pub kind: AlarmKind,
}

/// Kinds of alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AlarmKind {
    /// The quota is used up: only reading and deleting go on.
    NoSpace,
    /// Its data differs from the other members'.
    Corrupt,
    /// One that this program does not know.
    Other,
}

impl Node<'_> {
    /// The members as this node's own etcd knows them. It answers only where there is a quorum.
    ///
    /// # Errors
    /// The call failed.
    pub async fn etcd_members(&self) -> Result<Vec<Member>, TalosError> {
        let answer = self
            .ask("EtcdMemberList", async |mut via: Via| {
                let request = via.request(EtcdMemberListRequest { query_local: true });
                Ok(via.client.etcd_member_list(request).await?.into_inner())
            })
            .await?;
        let members: Vec<Member> = answer
            .messages
            .into_iter()
            .flat_map(|one| one.members)
            .map(Member::from)
            .collect();
        if members.is_empty() {
            return Err(self.empty("EtcdMemberList"));
        }
        Ok(members)
    }

    /// What the member on this node says of itself. It answers without quorum.
    ///
    /// # Errors
    /// The call failed, or the answer holds no status.
    pub async fn etcd_status(&self) -> Result<MemberStatus, TalosError> {
        let answer = self
            .ask("EtcdStatus", async |mut via: Via| {
                let request = via.request(());
                Ok(via.client.etcd_status(request).await?.into_inner())
            })
            .await?;
        let mut statuses = answer.messages.into_iter();
        let status = statuses.find_map(|one| one.member_status);
        status
            .map(MemberStatus::from)
            .ok_or_else(|| self.empty("EtcdStatus"))
    }

    /// The alarms of all members. It answers only where there is a quorum.
    ///
    /// # Errors
    /// The call failed.
    pub async fn etcd_alarms(&self) -> Result<Vec<Alarm>, TalosError> {
        let answer = self
            .ask("EtcdAlarmList", async |mut via: Via| {
                let request = via.request(());
                Ok(via.client.etcd_alarm_list(request).await?.into_inner())
            })
            .await?;
        let alarms = answer
            .messages
            .into_iter()
            .flat_map(|one| one.member_alarms);
        Ok(alarms
            .filter(|alarm| alarm.alarm != AlarmType::None as i32)
            .map(|alarm| Alarm {
                member: alarm.member_id,
                kind: match AlarmType::try_from(alarm.alarm) {
                    Ok(AlarmType::Nospace) => AlarmKind::NoSpace,
                    Ok(AlarmType::Corrupt) => AlarmKind::Corrupt,
                    _ => AlarmKind::Other,
                },
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_from_peer_urls() {
        let urls = [
            "https://10.0.0.2:2380",
            "https://[fd00::1]:2380",
            "nonsense",
        ];
        assert_eq!(hosts(&urls.map(str::to_owned)), ["10.0.0.2", "fd00::1"]);
    }
}

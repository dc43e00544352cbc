//! Writes Kubernetes-shaped objects into a real etcd, fast: batched transactions, several in
//! flight, so that a database of a gibibyte is a matter of a minute.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::cluster::{Cluster, Node};
use crate::error::Error;
use crate::etcd::EtcdClient;
use crate::kubernetes::{Object, Objects};

/// etcd's limits for one request are 128 operations and 1.5 MiB.
const BATCH_OBJECTS: usize = 100;
const BATCH_BYTES: usize = 1 << 20;
const IN_FLIGHT: usize = 8;
/// How long a follower may take for what it has not applied yet.
const CATCHING_UP: Duration = Duration::from_secs(10);
/// How long an election may last.
const ELECTION: Duration = Duration::from_secs(10);

/// How much to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// So many objects, of about 3 KiB on average.
    Objects(u64),
    /// Objects until their keys and values have so many bytes.
    Bytes(u64),
}

impl FromStr for Fill {
    type Err = String;

    /// `500` objects; `64MiB`, `1GiB`, `10KiB` of them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is neither a count of objects nor a size like 64MiB");
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
        for (unit, shift) in units {
            if let Some(number) = text.strip_suffix(unit) {
                let number: u64 = number.parse().map_err(|_| wrong())?;
                return number
                    .checked_mul(1 << shift)
                    .map(Self::Bytes)
                    .ok_or_else(wrong);
            }
        }
        text.parse().map(Self::Objects).map_err(|_| wrong())
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filled {
    /// Objects.
    pub objects: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Cuts the objects into batches, up to the end of the fill.
struct Batches {
    objects: Objects,
    fill: Fill,
    so_far: Filled,
}

impl Batches {
    fn is_done(&self) -> bool {
        match self.fill {
            Fill::Objects(most) => self.so_far.objects >= most,
            Fill::Bytes(most) => self.so_far.bytes >= most,
        }
    }
}

impl Iterator for Batches {
    /// A batch and its bytes.
    type Item = (Vec<Object>, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while !self.is_done() && batch.len() < BATCH_OBJECTS && bytes < BATCH_BYTES {
            let object = self.objects.next()?;
            let size = object.key.len() + object.value.len();
            bytes += size;
            self.so_far.objects += 1;
            self.so_far.bytes += size as u64;
            batch.push(object);
        }
        (!batch.is_empty()).then_some((batch, bytes as u64))
    }
}

pub(crate) async fn run(cluster: Arc<Cluster>, fill: Fill) -> Result<Filled, Error> {
    let leader = leader(&cluster).await?;
    let batches = Batches {
        objects: Objects::new(),
        fill,
        so_far: Filled::default(),
    };
    let filled = stream::iter(batches)
        .map(|(batch, bytes)| {
            let leader = leader.clone();
            async move {
                let objects = batch.len() as u64;
                let pairs = batch
                    .into_iter()
                    .map(|object| (object.key.into_bytes(), object.value))
                    .collect();
                client(&leader)?
                    .put_all(pairs)
                    .await
                    .map_err(Error::at("writing to etcd"))?;
                Ok(Filled { objects, bytes })
            }
        })
        .buffer_unordered(IN_FLIGHT)
        .try_fold(Filled::default(), |sum, batch| async move {
            Ok(Filled {
                objects: sum.objects + batch.objects,
                bytes: sum.bytes + batch.bytes,
            })
        })
        .await?;
    for node in cluster
        .control_planes()
        .filter(|node| node.name != leader.name)
    {
        catch_up(client(node)?).await;
    }
    Ok(filled)
}

/// A follower answers a linearizable read when it has applied all that was written before. A
/// snapshot and a hash are local reads, and would be of less. One that cannot is left alone.
async fn catch_up(follower: &EtcdClient) {
    if follower.listens().await {
        follower.check(CATCHING_UP).await.ok();
    }
}

fn client(node: &Node) -> Result<&EtcdClient, Error> {
    node.etcd
        .get()
        .ok_or_else(|| Error::new(format!("{} has no etcd to fill", node.name)))
}

/// Writing to the leader spares a hop. An election is waited for.
async fn leader(cluster: &Cluster) -> Result<Arc<Node>, Error> {
    let until = Instant::now() + ELECTION;
    loop {
        for node in cluster.control_planes() {
            let Ok(status) = client(node)?.status_now().await else {
                continue;
            };
            if status
                .header
                .is_some_and(|header| header.member_id == status.leader)
            {
                return Ok(node.clone());
            }
        }
        if Instant::now() > until {
            return Err(Error::new("no etcd member leads"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_are_read() {
        assert_eq!("500".parse(), Ok(Fill::Objects(500)));
        assert_eq!("2MiB".parse(), Ok(Fill::Bytes(2 << 20)));
        assert!("2 MB".parse::<Fill>().is_err());
    }

    #[test]
    fn batches_hold_all_and_stay_small() {
        let batches = Batches {
            objects: Objects::new(),
            fill: Fill::Objects(1_000),
            so_far: Filled::default(),
        };
        let batches: Vec<_> = batches.collect();
        assert_eq!(
            batches.iter().map(|(batch, _)| batch.len()).sum::<usize>(),
            1_000
        );
        assert!(
            batches
                .iter()
                .all(|(batch, bytes)| batch.len() <= BATCH_OBJECTS && *bytes < 3 << 19)
        );
    }
}

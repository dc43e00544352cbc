//! `now`: the whole backup in one word, in the cluster or from here.

mod direct;
mod in_cluster;

use etcdbackup::cli::Context;
use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::failure::{Exit, Failure};

use crate::cli::Now;

pub(crate) async fn run(
    now: Now,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    if now.direct {
        direct::run(now, kubernetes, context).await
    } else {
        in_cluster::run(&now, kubernetes, context).await
    }
}

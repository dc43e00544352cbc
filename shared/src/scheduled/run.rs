//! A run by hand: make a Job of the CronJob, follow it to its end, take it away again.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::job;
use super::judge::{Ended, Stage, judge};
use super::log::Log;
use super::look::{Seen, look, patient, pods_path};
use super::obstacle::Obstacle;
use crate::failure::{Exit, Failure};
use crate::kube::objects::{CronJob, Job};
use crate::kube::{Cause, Cluster, KubeError};

/// How long an obstacle that may pass is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a watch is waited for before the next look.
const WATCH: Duration = Duration::from_secs(5);
/// Between two looks, however fast the changes come.
const BREATH: Duration = Duration::from_millis(200);

/// What is told of a run.
pub trait Tell {
    /// Something a person should know.
    fn note(&self, text: &str);
    /// A line of the program's log.
    fn line(&self, text: &str);
}

/// How a Job is followed.
#[derive(Debug, Clone, Copy)]
pub struct Follow {
    /// How long in all.
    pub limit: Duration,
}

/// Why a Job is followed no longer.
#[derive(Debug)]
pub struct Stopped {
    /// Why.
    pub failure: Failure,
    /// Whether something is in its way that does not go away: it will not run.
    pub stuck: bool,
}

impl From<KubeError> for Stopped {
    fn from(error: KubeError) -> Self {
        Self {
            failure: error.into(),
            stuck: false,
        }
    }
}

/// Makes the Job and gives its name.
///
/// # Errors
/// It was refused.
pub async fn start(cluster: &Cluster, cron_job: &CronJob) -> Result<String, Failure> {
    let number: u32 = rand::rng().random();
    let name = job::name(&cron_job.metadata.name, &format!("{number:08x}"));
    let object = job::manual(cron_job, &name);
    let path = job::path(&cron_job.metadata.namespace);
    let api = &cluster.api;
    let created = patient(async || match api.create::<Job>(&path, &object).await {
        // Nobody else thinks of this name: it is the answer that was lost.
        Err(error) if error.cause() == Cause::Conflict => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    });
    created.await?;
    Ok(name)
}

/// Takes the Job away, and its pods with it.
///
/// # Errors
/// It was refused.
pub async fn delete(cluster: &Cluster, namespace: &str, name: &str) -> Result<(), KubeError> {
    let path = format!("{}/{name}", job::path(namespace));
    let api = &cluster.api;
    match patient(async || api.delete(&path).await).await {
        Err(error) if error.cause() == Cause::Absent => Ok(()),
        done => done,
    }
}

/// Follows a Job to its end. Gives the last lines of its log too.
///
/// # Errors
/// What is in its way does not go away; 75: it takes longer than the limit; those of the API.
pub async fn follow(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    how: Follow,
    tell: &(dyn Tell + Sync),
) -> Result<(Ended, VecDeque<String>), Stopped> {
    let mut following = Following {
        cluster,
        namespace,
        name,
        tell,
        log: Log::default(),
        told: None,
    };
    let end = Instant::now() + how.limit;
    match timeout_at(end, following.end()).await {
        Ok(done) => done.map(|ended| (ended, following.log.lines)),
        Err(_) => {
            let limit = how.limit.as_secs();
            let what = format!("Job `{name}` was not over within {limit} s; it goes on");
            let hint = format!("follow it: `kubectl -n {namespace} logs -f job/{name}`");
            Err(Stopped {
                failure: Failure::new(Exit::Temporary, what).hint(hint),
                stuck: false,
            })
        }
    }
}

struct Following<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
    name: &'a str,
    tell: &'a (dyn Tell + Sync),
    log: Log,
    /// What is in the way, and since when.
    told: Option<(Obstacle, Instant)>,
}

impl Following<'_> {
    async fn end(&mut self) -> Result<Ended, Stopped> {
        loop {
            let seen = look(&self.cluster.api, self.namespace, self.name).await?;
            match judge(&seen) {
                Stage::Ended(ended) => {
                    if let Some(pod) = &ended.pod {
                        self.read_log(&pod.clone()).await;
                    }
                    return Ok(*ended);
                }
                Stage::Running(pod) => {
                    self.told = None;
                    self.read_log(&pod).await;
                }
                Stage::Waiting(obstacle) => self.weigh(obstacle)?,
            }
            self.wait_for_change(&seen).await;
        }
    }

    /// Whether to go on waiting; says each obstacle once.
    fn weigh(&mut self, obstacle: Option<Obstacle>) -> Result<(), Stopped> {
        let Some(obstacle) = obstacle else {
            self.told = None;
            return Ok(());
        };
        let same = self.told.as_ref().filter(|(told, _)| *told == obstacle);
        match same {
            Some((_, since)) if since.elapsed() >= PATIENCE => return Err(stuck(&obstacle)),
            Some(_) => {}
            None if obstacle.passing => {
                self.tell.note(&format!("waiting: {}", obstacle.what));
                self.told = Some((obstacle, Instant::now()));
            }
            None => return Err(stuck(&obstacle)),
        }
        Ok(())
    }

    /// What cannot be read of a log is no reason to lose sight of the Job.
    async fn read_log(&mut self, pod: &str) {
        if self.log.pod != pod {
            self.log = Log::of(pod);
        }
        let tell = self.tell;
        let line = |line: &str| tell.line(line);
        let read = self.log.read(&self.cluster.api, self.namespace, &line);
        if let Err(error) = read.await {
            tracing::debug!(%error, "the log broke off");
            if error.is_refusal() {
                self.tell.note(&format!("its log cannot be read: {error}"));
            }
        }
    }

    /// Until something happens to the pods, or a while. A watch that is refused or dropped is
    /// no more than a reason to look again.
    async fn wait_for_change(&self, seen: &Seen) {
        let path = format!(
            "{}&watch=true&timeoutSeconds={}&resourceVersion={}",
            pods_path(self.namespace, self.name),
            WATCH.as_secs(),
            seen.revision.unwrap_or(0),
        );
        let change = async {
            let mut changes = self.cluster.api.lines(&path).await?;
            changes.next().await
        };
        let begun = Instant::now();
        let met = timeout(WATCH, change).await;
        tracing::trace!(?met, "watched");
        let pause = match met {
            Ok(Ok(Some(_))) | Err(_) => BREATH,
            // It ended at once: without this the next look would follow at once, too.
            Ok(Ok(None) | Err(_)) => Duration::from_secs(1),
        };
        tokio::time::sleep(pause.saturating_sub(begun.elapsed().min(pause) / 2)).await;
    }
}

fn stuck(obstacle: &Obstacle) -> Stopped {
    Stopped {
        failure: obstacle.failure(),
        stuck: true,
    }
}

//! What runs Jobs: the controller and the kubelet in one. A pod's container is a real process: the
//! program that the test names, with the container's arguments, its environment out of the
//! template, ConfigMaps and Secrets, and what the test adds.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::watch;

use crate::pod::{self, Ready};
use crate::server::{Shared, held};
use crate::stream::Lines;
use crate::write;

/// Between two looks for what a pod waits for.
const TICK: Duration = Duration::from_millis(50);
/// How long a process has after it was told to end.
const GRACE: Duration = Duration::from_secs(10);
/// Where Kubernetes looks for a termination message.
const TERMINATION: &str = "/dev/termination-log";

/// How containers are run.
#[derive(Debug, Clone)]
pub struct Runner {
    /// Instead of the image.
    pub program: PathBuf,
    /// Besides the container's environment, and before it.
    pub environment: Vec<(String, String)>,
    /// What is mounted in a real pod: where, and which path is meant here.
    pub mounts: Vec<(String, PathBuf)>,
}

/// The log of a container.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<Vec<(Timestamp, String)>>,
    /// How many lines there are; and whether it has ended.
    told: watch::Sender<(usize, bool)>,
}

impl Log {
    fn add(&self, text: &str) {
        let mut lines = held(&self.lines);
        // No two lines have the same time.
        let now = Timestamp::now();
        let last = lines
            .last()
            .map_or(Timestamp::UNIX_EPOCH, |(time, _)| *time);
        let time = now.max(last + jiff::SignedDuration::from_nanos(1));
        lines.push((time, text.to_owned()));
        let count = lines.len();
        self.told.send_modify(|told| told.0 = count);
    }

    fn end(&self) {
        self.told.send_modify(|told| told.1 = true);
    }

    pub(crate) async fn send(&self, since: Option<Timestamp>, follow: bool, to: Lines) {
        let mut told = self.told.subscribe();
        let mut sent = 0;
        loop {
            let ended = told.borrow_and_update().1;
            let new: Vec<(Timestamp, String)> = held(&self.lines)[sent..].to_vec();
            sent += new.len();
            let wanted = new
                .iter()
                .filter(|(time, _)| since.is_none_or(|since| *time >= since));
            for (time, text) in wanted {
                if !to.send(format!("{time:.9} {text}\n")).await {
                    return;
                }
            }
            if ended || !follow || told.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Runs Jobs.
pub(crate) struct Kubelet {
    runner: Runner,
    logs: Mutex<HashMap<(String, String), Arc<Log>>>,
    jobs: Mutex<HashMap<(String, String), watch::Sender<bool>>>,
}

impl Kubelet {
    pub(crate) fn new(runner: Runner) -> Self {
        Self {
            runner,
            logs: Mutex::default(),
            jobs: Mutex::default(),
        }
    }

    pub(crate) fn log(&self, namespace: &str, pod: &str) -> Option<Arc<Log>> {
        let logs = held(&self.logs);
        logs.get(&(namespace.to_owned(), pod.to_owned())).cloned()
    }

    /// A Job was created.
    pub(crate) fn take(self: &Arc<Self>, shared: &Arc<Shared>, job: &Json) {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let place = (
            text(&job["metadata"]["namespace"]),
            text(&job["metadata"]["name"]),
        );
        let stop = watch::Sender::new(false);
        let stopped = stop.subscribe();
        held(&self.jobs).insert(place.clone(), stop);
        let (kubelet, shared) = (Arc::clone(self), Arc::clone(shared));
        tokio::spawn(async move { kubelet.run(&shared, place, stopped).await });
    }

    /// A Job was deleted: its pods go too.
    pub(crate) fn end(&self, shared: &Shared, namespace: &str, job: &str) {
        let stop = held(&self.jobs).remove(&(namespace.to_owned(), job.to_owned()));
        if let Some(stop) = stop {
            stop.send_replace(true);
        }
        for name in pod::names(shared, namespace, job) {
            write::remove(shared, ("", "pods"), (namespace, &name));
        }
    }

    async fn run(
        &self,
        shared: &Arc<Shared>,
        (namespace, name): (String, String),
        mut stopped: watch::Receiver<bool>,
    ) {
        let place = (namespace.as_str(), name.as_str());
        let Some(job) = write::get(shared, ("batch", "jobs"), place) else {
            return;
        };
        write::edit(shared, ("batch", "jobs"), place, |job| {
            job["status"]["startTime"] = Timestamp::now().to_string().into();
        });
        let retries = job["spec"]["backoffLimit"].as_u64().unwrap_or(6);
        for attempt in 0..=retries {
            let pod = format!("{name}-{attempt}");
            let run = self.run_pod(shared, &job, &namespace, &pod);
            let code = tokio::select! {
                code = run => code,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            let over = match code {
                0 => Some(("Complete", "")),
                code if pod::fails_job(&job, code) => Some(("Failed", "PodFailurePolicy")),
                _ if attempt == retries => Some(("Failed", "BackoffLimitExceeded")),
                _ => None,
            };
            if let Some((kind, reason)) = over {
                pod::finish(shared, place, kind, reason);
                return;
            }
        }
    }

    /// Makes a pod, waits for what it needs, runs its program, and gives its code.
    async fn run_pod(&self, shared: &Shared, job: &Json, namespace: &str, name: &str) -> i32 {
        while let Some(refusal) = pod::refusal(shared, job, namespace) {
            pod::event(shared, namespace, job, "FailedCreate", &refusal);
            tokio::time::sleep(TICK).await;
        }
        pod::create(shared, job, namespace, name);
        let environment = loop {
            match pod::ready(shared, namespace, name) {
                Ready::Yes(environment) => break environment,
                Ready::Not => tokio::time::sleep(TICK).await,
            }
        };
        let log = Arc::new(Log::default());
        let place = (namespace.to_owned(), name.to_owned());
        held(&self.logs).insert(place, Arc::clone(&log));
        pod::set_state(
            shared,
            namespace,
            name,
            &json!({"running": {"startedAt": Timestamp::now().to_string()}}),
        );
        let (code, message) = self.run_container(job, environment, &log).await;
        log.end();
        let reason = if code == 0 { "Completed" } else { "Error" };
        let state = json!({"terminated": {
            "exitCode": code, "reason": reason, "message": message,
            "finishedAt": Timestamp::now().to_string(),
        }});
        pod::set_state(shared, namespace, name, &state);
        code
    }

    async fn run_container(
        &self,
        job: &Json,
        environment: Vec<(String, String)>,
        log: &Log,
    ) -> (i32, String) {
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        let words = |field: &str| container[field].as_array().cloned().unwrap_or_default();
        // The first word of a command is the program.
        let arguments = words("command").into_iter().skip(1).chain(words("args"));
        let arguments: Vec<Json> = arguments.collect();
        // Gone with the pod, however that ends.
        let file = tempfile::Builder::new().prefix("termination-").tempfile();
        let file = match file.map(tempfile::NamedTempFile::into_temp_path) {
            Ok(file) => file,
            Err(error) => return (128, format!("no termination log: {error}")),
        };
        let mapped = environment.into_iter().map(|(name, value)| {
            if value == TERMINATION {
                return (name, file.display().to_string());
            }
            let mut mounts = self.runner.mounts.iter();
            let mounted = mounts.find_map(|(at, here)| {
                let below = value.strip_prefix(at.as_str())?.trim_start_matches('/');
                Some(here.join(below).display().to_string())
            });
            (name, mounted.unwrap_or(value))
        });
        let spawned = Command::new(&self.runner.program)
            .args(arguments.iter().filter_map(Json::as_str))
            .env_clear()
            .envs(self.runner.environment.iter().cloned())
            .envs(mapped)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match spawned {
            Ok(child) => Ended(child),
            Err(error) => {
                log.add(&format!("exec: {error}"));
                return (128, String::new());
            }
        };
        let (out, err) = (child.0.stdout.take(), child.0.stderr.take());
        tokio::join!(copy(out, log), copy(err, log));
        let status = child.0.wait().await;
        let code = status.ok().and_then(|status| status.code()).unwrap_or(137);
        let message = std::fs::read_to_string(&file).unwrap_or_default();
        (code, message)
    }
}

/// A process that is told to end when its pod is gone.
struct Ended(tokio::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let Some(id) = self.0.id() else {
            return;
        };
        let pid = i32::try_from(id)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself meanwhile.
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let end = std::time::Instant::now() + GRACE;
            while matches!(self.0.try_wait(), Ok(None)) && std::time::Instant::now() < end {
                std::thread::sleep(Duration::from_millis(10));
            }
            drop(self.0.start_kill());
        }
    }
}

async fn copy(from: Option<impl AsyncRead + Unpin>, log: &Log) {
    let Some(from) = from else {
        return;
    };
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.add(&line);
    }
}

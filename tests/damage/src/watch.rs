//! Sees to it that a case that hangs ends the program, and by which case.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// A case takes milliseconds; a busy machine may stop us meanwhile.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(500);

static RUNNING: LazyLock<Mutex<HashMap<ThreadId, (String, Instant)>>> = LazyLock::new(|| {
    std::thread::spawn(look);
    Mutex::default()
});

/// A case that runs; it ends when this is dropped.
pub(crate) struct Watched;

/// Begins a case on this thread.
pub(crate) fn case(name: String) -> Watched {
    running().insert(std::thread::current().id(), (name, Instant::now()));
    Watched
}

impl Drop for Watched {
    fn drop(&mut self) {
        running().remove(&std::thread::current().id());
    }
}

fn running() -> std::sync::MutexGuard<'static, HashMap<ThreadId, (String, Instant)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look() {
    loop {
        std::thread::sleep(LOOK);
        let late = running()
            .values()
            .find(|(_, begun)| begun.elapsed() > LIMIT)
            .map(|(name, _)| name.clone());
        if let Some(name) = late {
            println!("a case hangs: {name}");
            std::process::abort();
        }
    }
}

/// The most memory this process ever had, as the kernel counts it.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

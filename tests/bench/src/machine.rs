//! The machine that measures.

use std::fmt;

/// What a reader needs to place the numbers.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Processors this program may use.
    pub(crate) cores: usize,
    model: String,
    memory_gib: f64,
    kernel: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cores = std::thread::available_parallelism().expect("a count of cores");
        Self {
            cores: cores.get(),
            model: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            memory_gib: field("/proc/meminfo", "MemTotal")
                .and_then(|text| text.trim_end_matches(" kB").parse::<f64>().ok())
                .map_or(0.0, |kib| kib / f64::from(1 << 20)),
            kernel: text("/proc/sys/kernel/osrelease"),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cores,
            model,
            memory_gib,
            kernel,
        } = self;
        let kernel = kernel.split('-').next().unwrap_or_default();
        write!(
            f,
            "{cores} cores ({model}), {memory_gib:.0} GiB of memory, Linux {kernel}"
        )
    }
}

fn text(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

/// The value of the first line `name : value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = text(path);
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(':')?;
    Some(value.trim().to_owned())
}

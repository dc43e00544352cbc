//! Flow: what a run did, told to whoever asked to be told: a file, Prometheus, a ping URL, the
//! cluster's events. A report that fails is a warning, and never fails the backup.

mod event;
mod file;
mod metrics;
mod model;
mod ping;
mod pushgateway;
mod reporters;
mod web;

pub use event::EventTarget;
pub use model::{RunError, RunReport};
pub use reporters::{MetricSinks, Reporters, Sinks};

//! Recovery of a control plane: who the control planes are, what each of them looks like, and
//! what follows from it.
//!
//! *Census*: every control plane that anything knows of; a name more is a look more, a name less
//! could be the one node that still has the data. *Survey*: one read-only look at each.
//! *Verdict*: a pure function of surveys. What could not be seen is [`Known::Unknown`] with its
//! reason, and unknown is never ok.

mod assess;
pub mod bootstrap;
mod census;
pub mod checks;
mod condition;
mod data;
mod etcd_version;
mod file;
mod finding;
mod known;
pub mod kubernetes;
mod local_data;
mod look;
pub mod machine_config;
mod prove;
mod report;
mod salvage;
#[cfg(test)]
mod samples;
mod survey;
mod take;
mod troubles;
mod unseen;
mod verdict;
pub mod wipe;

pub use assess::{PAUSE, assess};
pub use census::{Candidate, Census};
pub use condition::Condition;
pub use data::{DATA_DIRECTORY, DATABASE, DataDirectory, DataState, UPLOADED_SNAPSHOT};
pub use file::{FileFacts, KeyFacts};
pub use finding::{Finding, Severity, exit_of};
pub use known::{Known, Unknown, Why};
pub use prove::{DatabaseProof, Prover};
pub use report::{Assertion, Next, Report};
pub use salvage::{Missed, Recommended, Salvage, Saved, salvage};
pub use survey::{Clock, EndpointSurvey, NodeSurvey, Reached, Source, Storage, Survey};
pub use take::{Beforehand, survey};
pub use troubles::{Trouble, troubles};
pub use verdict::{Judgement, Verdict, judge, settle};

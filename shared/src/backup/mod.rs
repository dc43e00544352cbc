//! The backup flow: source → verify → compress → encrypt → parts → every destination, and
//! back.
//!
//! Three actors share one bounded pipeline. The *source* (async) feeds batches; *pack*
//! (one thread) proves, compresses, encrypts and cuts parts; a *lane* per destination
//! (async) uploads them. The last part leaves `pack` only with the proof of the snapshot
//! in hand, and nothing is published without a last part.

mod cancel;
mod facts;
mod laggards;
mod lane;
mod metered;
mod object_source;
mod pack;
mod parts;
mod publish;
mod pull;
mod raw;
mod run;
mod slots;
mod source;
mod talos_source;
mod target;

pub use cancel::Cancel;
pub use facts::SourceFacts;
pub use lane::Delivery;
pub use metered::{Meter, MeteredBody, MeteredSource};
pub use object_source::ObjectSource;
pub use publish::{Copy, Digest, Publication, Published, Receipt, Replacing, publish};
pub use pull::{ChunkReader, pull};
pub use raw::prove_raw;
pub use run::{BATCHES, Outcome, PushPlan, push, take, take_unproven};
pub use source::{Feed, ReaderSource, SnapshotSource, SourceError};
pub use talos_source::TalosSource;
pub(crate) use target::output_failure;
pub use target::{PullTarget, Target, Written};

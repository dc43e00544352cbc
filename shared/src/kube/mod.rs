//! The Kubernetes API: kubeconfig, lists in pages, discovery; and, for what runs in the cluster,
//! single objects, watches and logs.
//!
//! After a disaster the way that a kubeconfig names may be the one that is dead: a virtual
//! address that needs etcd, a load balancer, a login hosted in the cluster itself. So credentials
//! are taken from it, and every control plane is asked at its own address. Every request has a
//! deadline, and every answer a limit.

mod access;
mod api;
mod discovery;
mod error;
mod kubectl;
mod lines;
mod list;
pub mod objects;
mod sealed_secrets;

pub use access::{Access, Selection};
pub use api::{API_PORT, Api, LIMIT, Readiness};
pub use discovery::Served;
pub use error::{Cause, KubeError};
pub use kubectl::{Cluster, Flags};
pub use lines::Lines;
pub use list::{Form, Listed};

//! Our own minimal definitions of the Talos API, wire-compatible with Talos 1.6 and later, and of
//! etcd's.
//!
//! The `.proto` files under `proto/` hold what backup and recovery of etcd use, and no more;
//! unknown fields are skipped on the wire, so newer servers keep working. Unary answers of
//! `machine` are wrappers with one repeated field `messages`, the shape apid needs to merge
//! the answers of several nodes.

mod codec;

/// What every Talos API service shares: `Metadata`, `Data`, errors.
pub mod common {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        rust_2018_idioms,
        unreachable_pub
    )]
    tonic::include_proto!("common");
}

/// `machine.MachineService` and its messages.
pub mod machine {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        rust_2018_idioms,
        unreachable_pub
    )]
    tonic::include_proto!("machine");
}

/// `cosi.resource.State` and its messages.
pub mod cosi {
    #![allow(missing_docs, rust_2018_idioms, unreachable_pub)]
    /// Package `cosi.resource`.
    pub mod resource {
        #![allow(
            missing_docs,
            clippy::all,
            clippy::pedantic,
            rust_2018_idioms,
            unreachable_pub
        )]
        tonic::include_proto!("cosi.resource");
    }
}

/// Specs inside COSI resources.
pub mod talos {
    #![allow(missing_docs, rust_2018_idioms, unreachable_pub)]
    /// The specs, whatever package Talos keeps them in.
    pub mod specs {
        #![allow(
            missing_docs,
            clippy::all,
            clippy::pedantic,
            rust_2018_idioms,
            unreachable_pub
        )]
        tonic::include_proto!("talos.specs");
    }
}

/// etcd's own API, 3.4 and later.
pub mod etcd {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        rust_2018_idioms,
        unreachable_pub
    )]
    tonic::include_proto!("etcdserverpb");
}

/// Packages of Google that Talos' messages refer to.
pub mod google {
    #![allow(missing_docs, rust_2018_idioms, unreachable_pub)]
    /// Package `google.rpc`.
    pub mod rpc {
        #![allow(
            missing_docs,
            clippy::all,
            clippy::pedantic,
            rust_2018_idioms,
            unreachable_pub
        )]
        tonic::include_proto!("google.rpc");
    }
}

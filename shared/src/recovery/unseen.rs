//! What is said of a node that had to be seen and could not.

use super::known::{Unknown, Why};
use super::survey::NodeSurvey;
use super::verdict::told;
use crate::failure::{Exit, Failure};

/// 77 where it may not be asked, else 69; never a yes.
pub(super) fn unseen(node: &NodeSurvey, unknown: &Unknown) -> Failure {
    let exit = match unknown.why {
        Why::NotPermitted => Exit::NotPermitted,
        _ => Exit::Unreachable,
    };
    Failure::new(exit, told(node, &unknown.reason)).hint(way_back(node, unknown))
}

/// What to do about it. Only who is silent may be gone for good.
pub(super) fn way_back(node: &NodeSurvey, unknown: &Unknown) -> String {
    // How Go and rustls say that a certificate is not the cluster's own.
    let strange = ["unknown authority", "UnknownIssuer", "not trusted"];
    let node = &node.node;
    if unknown.why == Why::NotPermitted {
        return format!("it answers: {PERMITTED}");
    }
    if strange.iter().any(|words| unknown.reason.contains(words)) {
        return format!(
            "its certificate is not of this cluster: it may be in maintenance mode; see `talosctl -n {node} -e {node} version --insecure`, then apply its saved machine config"
        );
    }
    format!("bring it back, or when it is gone for good (or no node at all) say `--lost {node}`")
}

/// What to do where the role does not let us look.
pub(super) const PERMITTED: &str = "take a talosconfig of role os:admin, or of os:reader to look only (`talosctl config info` tells its role)";

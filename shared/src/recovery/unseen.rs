//! What a flow says of a node that it had to see and could not.

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
    Failure::new(exit, told(node, &unknown.reason)).hint(format!(
        "make it answer, or say that it is gone for good: `--lost {}`",
        node.node
    ))
}

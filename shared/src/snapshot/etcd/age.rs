//! How old the content is. A snapshot holds no time of its own, but kubelets renew the lease
//! of their node every ten seconds or so.

use crate::snapshot::protobuf::field;

const NODE_LEASES: &[u8] = b"/registry/leases/kube-node-lease/";
const MAGIC: &[u8] = b"k8s\0";

/// When a node's lease was renewed, in seconds since 1970; none: the record is no node lease,
/// or not one we can read.
pub(super) fn renewed(key: &[u8], value: &[u8]) -> Option<i64> {
    if !key.starts_with(NODE_LEASES) {
        return None;
    }
    let object = field(value.strip_prefix(MAGIC)?, 2)?.bytes()?;
    let spec = field(object, 2)?.bytes()?;
    let time = field(spec, 4)?.bytes()?;
    field(time, 1)?.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_readable_node_lease_has_a_time() {
        let lease = b"k8s\0\x12\x0a\x12\x08\x22\x06\x08\x80\xe2\xcf\xaa\x06";
        let key = b"/registry/leases/kube-node-lease/cp-1";
        assert_eq!(renewed(key, lease), Some(1_700_000_000));
        assert_eq!(renewed(b"/registry/leases/kube-system/x", lease), None);
        assert_eq!(renewed(key, &lease[..lease.len() - 1]), None);
        assert_eq!(renewed(key, b"k8s:enc:secretbox:v1:key2:"), None);
        assert_eq!(renewed(key, b"{}"), None);
    }
}

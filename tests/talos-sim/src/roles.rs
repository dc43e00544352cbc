//! Who may call what. Roles are sets, not a ladder: every rule names all that it lets in.

use crate::version::TalosVersion;

/// May do everything.
pub const ADMIN: &str = "os:admin";
/// May run the machines, without their secrets.
pub const OPERATOR: &str = "os:operator";
/// May look.
pub const READER: &str = "os:reader";
/// May take snapshots of etcd.
pub const ETCD_BACKUP: &str = "os:etcd:backup";
/// Speaks for others: apid itself.
pub const IMPERSONATOR: &str = "os:impersonator";

/// The roles that may call `method` (its bare name, as `EtcdSnapshot`) on this Talos.
///
/// The rules are those of machined; a method without a rule needs `os:admin`.
#[must_use]
pub fn allowed(method: &str, version: TalosVersion) -> &'static [&'static str] {
    match method {
        // From a machine in maintenance mode, which lets nobody else in.
        "ApplyConfiguration" => &[ADMIN, READER],
        "EtcdSnapshot" => &[ADMIN, OPERATOR, ETCD_BACKUP],
        "EtcdStatus" | "EtcdAlarmList" if version.at_least(1, 11) => {
            &[ADMIN, OPERATOR, READER, ETCD_BACKUP]
        }
        "EtcdStatus" | "EtcdAlarmList" => &[ADMIN, OPERATOR],
        "EtcdMemberList" if version.at_least(1, 11) => &[ADMIN, OPERATOR, READER, ETCD_BACKUP],
        "EtcdAlarmDisarm" | "EtcdDefragment" | "ServiceRestart" | "Reboot" => &[ADMIN, OPERATOR],
        "EtcdMemberList" | "Version" | "ServiceList" | "Events" | "Dmesg" | "List"
        | "DiskUsage" | "Mounts" | "Get" | "Watch" => &[ADMIN, OPERATOR, READER],
        _ => &[ADMIN],
    }
}

/// Whether a caller with these roles may call `method`.
#[must_use]
pub fn may_call<R: AsRef<str>>(roles: &[R], method: &str, version: TalosVersion) -> bool {
    let allowed = allowed(method, version);
    roles.iter().any(|role| allowed.contains(&role.as_ref()))
}

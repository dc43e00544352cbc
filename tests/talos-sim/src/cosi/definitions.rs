//! The kinds of resources there are, and the resources that say so: `talosctl get` begins by
//! listing them.

use etcdbackup_proto::cosi::resource::Resource;

use super::{Maker, cluster, machine, volumes};
use crate::protobuf::Writer;

pub(super) const ETCD_MEMBER: &str = "EtcdMembers.etcd.talos.dev";

/// One kind of resource.
pub(super) struct Definition {
    /// The full type.
    pub(super) kind: &'static str,
    pub(super) namespace: &'static str,
    /// Whether it takes `os:admin` to read it.
    pub(super) is_sensitive: bool,
    /// Titles of columns, and the paths in the YAML that fill them.
    columns: &'static [(&'static str, &'static str)],
    pub(super) resources: fn(&Maker<'_>) -> Vec<Resource>,
}

const fn public(
    kind: &'static str,
    namespace: &'static str,
    columns: &'static [(&'static str, &'static str)],
    resources: fn(&Maker<'_>) -> Vec<Resource>,
) -> Definition {
    Definition {
        kind,
        namespace,
        is_sensitive: false,
        columns,
        resources,
    }
}

static DEFINITIONS: [Definition; 16] = [
    public(
        "MachineTypes.config.talos.dev",
        "config",
        &[("Type", "{@}")],
        machine::machine_type,
    ),
    Definition {
        is_sensitive: true,
        ..public(
            "MachineConfigs.config.talos.dev",
            "config",
            &[],
            machine::machine_config,
        )
    },
    public(
        "Services.v1alpha1.talos.dev",
        "runtime",
        &[
            ("Running", "{.running}"),
            ("Healthy", "{.healthy}"),
            ("Health Unknown", "{.unknown}"),
        ],
        machine::services,
    ),
    public(
        "MachineStatuses.runtime.talos.dev",
        "runtime",
        &[("Stage", "{.stage}"), ("Ready", "{.status.ready}")],
        machine::machine_status,
    ),
    public(
        "TimeStatuses.v1alpha1.talos.dev",
        "runtime",
        &[("Synced", "{.synced}")],
        machine::time_status,
    ),
    public(
        "HostnameStatuses.net.talos.dev",
        "network",
        &[("Hostname", "{.hostname}")],
        machine::hostname,
    ),
    public(
        "NodeAddresses.net.talos.dev",
        "network",
        &[("Addresses", "{.addresses}")],
        machine::addresses,
    ),
    public(
        "Nodenames.kubernetes.talos.dev",
        "k8s",
        &[],
        machine::nodename,
    ),
    public(
        "Members.cluster.talos.dev",
        "cluster",
        &[
            ("Hostname", "{.hostname}"),
            ("Machine Type", "{.machineType}"),
            ("OS", "{.operatingSystem}"),
            ("Addresses", "{.addresses}"),
        ],
        cluster::members,
    ),
    public(
        "Infos.cluster.talos.dev",
        "cluster",
        &[
            ("Cluster ID", "{.clusterId}"),
            ("Cluster Name", "{.clusterName}"),
        ],
        cluster::info,
    ),
    public(
        "Endpoints.kubernetes.talos.dev",
        "controlplane",
        &[("Addresses", "{.addresses}")],
        cluster::endpoints,
    ),
    // Its resources are asked of etcd.
    public(ETCD_MEMBER, "etcd", &[("Member ID", "{.memberID}")], |_| {
        Vec::new()
    }),
    public("EtcdSpecs.etcd.talos.dev", "etcd", &[], machine::etcd_spec),
    public(
        "PKIStatuses.etcd.talos.dev",
        "etcd",
        &[("Ready", "{.ready}")],
        machine::etcd_pki,
    ),
    public(
        "VolumeStatuses.block.talos.dev",
        "runtime",
        &[
            ("Type", "{.type}"),
            ("Phase", "{.phase}"),
            ("Location", "{.location}"),
            ("Size", "{.prettySize}"),
        ],
        volumes::statuses,
    ),
    public(
        "ResourceDefinitions.meta.cosi.dev",
        "meta",
        &[("Aliases", "{.aliases[:]}")],
        all,
    ),
];

/// The kind of this full type.
pub(super) fn find(kind: &str) -> Option<&'static Definition> {
    DEFINITIONS
        .iter()
        .find(|definition| definition.kind == kind)
}

fn all(maker: &Maker<'_>) -> Vec<Resource> {
    let definition = |definition: &Definition| {
        let spec = definition.encode();
        let id = definition.kind.to_lowercase();
        let mut resource = maker.make(&id, &(), definition.yaml());
        if let Some(own) = &mut resource.spec {
            own.proto_spec = spec;
        }
        resource
    };
    DEFINITIONS.iter().map(definition).collect()
}

impl Definition {
    /// The display type: what is before the first dot, in the singular.
    fn display(&self) -> &'static str {
        let plural = self.kind.split('.').next().unwrap_or(self.kind);
        match plural.strip_suffix("es") {
            Some(stem) if stem.ends_with("Status") || stem.ends_with("Address") => stem,
            _ => plural.strip_suffix('s').unwrap_or(plural),
        }
    }

    /// As Talos makes them: singular, plural, the plural with each part of its domain but all of
    /// it, and the initials.
    fn aliases(&self) -> Vec<String> {
        let lower = self.kind.to_lowercase();
        let parts: Vec<_> = lower.split('.').collect();
        let mut aliases = vec![self.display().to_lowercase()];
        aliases.extend((1..parts.len()).map(|count| parts[..count].join(".")));
        let initials: String = self
            .display()
            .chars()
            .filter(char::is_ascii_uppercase)
            .collect();
        let initials = initials.to_lowercase();
        if initials.len() > 1 {
            aliases.push(initials.clone());
            if !initials.ends_with('s') {
                aliases.push(initials + "s");
            }
        }
        if self.kind.starts_with("Services.") {
            aliases.push("svc".to_owned());
        }
        aliases
    }

    /// `cosi.resource.meta.ResourceDefinitionSpec`.
    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.text(1, self.kind);
        writer.text(2, self.display());
        writer.text(3, self.namespace);
        for field in [4, 5] {
            for alias in self.aliases() {
                writer.text(field, &alias);
            }
        }
        for (name, path) in self.columns {
            writer.message(6, |column| {
                column.text(1, name);
                column.text(2, path);
            });
        }
        writer.number(7, u64::from(self.is_sensitive));
        writer.finish()
    }

    fn yaml(&self) -> String {
        let list: String = self
            .aliases()
            .iter()
            .map(|alias| format!("    - {alias}\n"))
            .collect();
        let columns: String = self
            .columns
            .iter()
            .map(|(name, path)| format!("    - name: {name}\n      jsonPath: '{path}'\n"))
            .collect();
        let columns = match columns.as_str() {
            "" => "printColumns: []\n".to_owned(),
            columns => format!("printColumns:\n{columns}"),
        };
        let sensitivity = if self.is_sensitive { "sensitive" } else { "" };
        format!(
            "type: {}\ndisplayType: {}\ndefaultNamespace: {}\naliases:\n{list}allAliases:\n{list}{columns}sensitivity: \"{sensitivity}\"\n",
            self.kind,
            self.display(),
            self.namespace
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_those_of_talosctl() {
        let aliases = |kind| find(kind).unwrap().aliases();
        assert_eq!(
            aliases("MachineTypes.config.talos.dev"),
            [
                "machinetype",
                "machinetypes",
                "machinetypes.config",
                "machinetypes.config.talos",
                "mt",
                "mts"
            ]
        );
        assert!(aliases(ETCD_MEMBER).contains(&"ems".to_owned()));
        assert!(aliases("Services.v1alpha1.talos.dev").contains(&"svc".to_owned()));
        let display = |kind| find(kind).unwrap().display();
        assert_eq!(display("VolumeStatuses.block.talos.dev"), "VolumeStatus");
        assert_eq!(display("NodeAddresses.net.talos.dev"), "NodeAddress");
    }
}

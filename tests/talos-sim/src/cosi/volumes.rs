//! Volumes: what is a partition, what is a directory on another, and how far each has come.

use etcdbackup_proto::cosi::resource::Resource;
use etcdbackup_proto::talos::specs::VolumeStatusSpec;
use etcdbackup_proto::talos::specs::volume_status_spec::{Phase, Type};

use super::Maker;
use crate::state::{HeldUp, Secrets};

const MIB: u64 = 1 << 20;

/// A partition, with its number on the disk and its size.
fn partition(number: i64, size: u64, phase: Phase) -> VolumeStatusSpec {
    let is_there = phase == Phase::Ready;
    VolumeStatusSpec {
        phase: phase as i32,
        r#type: Type::Partition as i32,
        location: if is_there {
            format!("/dev/sda{number}")
        } else {
            String::new()
        },
        parent_location: if is_there {
            "/dev/sda".to_owned()
        } else {
            String::new()
        },
        partition_index: number,
        size,
        pretty_size: format!("{} MB", size / 1_000_000),
        ..VolumeStatusSpec::default()
    }
}

fn directory(path: &str, phase: Phase) -> VolumeStatusSpec {
    VolumeStatusSpec {
        phase: phase as i32,
        r#type: Type::Directory as i32,
        mount_location: path.to_owned(),
        parent_id: "EPHEMERAL".to_owned(),
        ..VolumeStatusSpec::default()
    }
}

pub(super) fn statuses(maker: &Maker<'_>) -> Vec<Resource> {
    let disk = &maker.node.disk;
    let (ephemeral, state) = {
        let machine = maker.node.machine();
        let ephemeral = match machine.secrets {
            Secrets::None => Phase::Missing,
            _ if machine.is_held_up(HeldUp::Disk) => Phase::Failed,
            _ => Phase::Ready,
        };
        let has_config = machine.secrets != Secrets::None;
        (
            ephemeral,
            if has_config {
                Phase::Ready
            } else {
                Phase::Missing
            },
        )
    };
    let mut volumes = vec![
        ("EFI", partition(1, 2_200 * MIB, Phase::Ready)),
        ("META", partition(2, MIB, Phase::Ready)),
        ("STATE", partition(3, 100 * MIB, state)),
        ("EPHEMERAL", partition(4, disk.size, ephemeral)),
    ];
    if ephemeral == Phase::Failed
        && let Some((_, volume)) = volumes.last_mut()
    {
        volume.error_message = "error mounting partition: input/output error".to_owned();
        volume.pre_fail_phase = Phase::Located as i32;
    }
    // Directories are volumes since Talos 1.10; a partition of etcd's own is one since 1.14.
    if maker.cluster.version.at_least(1, 10) && maker.node.machine().secrets != Secrets::None {
        let waits = match ephemeral {
            Phase::Ready => Phase::Ready,
            _ => Phase::Waiting,
        };
        volumes.push(("/var/lib", directory("/var/lib", waits)));
        if maker.node.is_control_plane() {
            let etcd = if disk.has_etcd_partition {
                partition(5, disk.size, ephemeral)
            } else {
                directory("etcd", waits)
            };
            volumes.push(("ETCD", etcd));
        }
    }
    volumes.sort_by_key(|(id, _)| *id);
    volumes
        .iter()
        .map(|(id, spec)| maker.make(id, spec, yaml(spec)))
        .collect()
}

fn yaml(spec: &VolumeStatusSpec) -> String {
    let kind = spec.r#type().as_str_name().to_lowercase();
    let phase = spec.phase().as_str_name().to_lowercase();
    let mut text = format!("phase: {phase}\ntype: {kind}\n");
    for (key, value) in [
        ("location", &spec.location),
        ("mountLocation", &spec.mount_location),
        ("errorMessage", &spec.error_message),
        ("parentLocation", &spec.parent_location),
        ("parentID", &spec.parent_id),
    ] {
        if !value.is_empty() {
            text += &format!("{key}: \"{value}\"\n");
        }
    }
    if spec.size > 0 {
        text += &format!(
            "partitionIndex: {}\nsize: {}\nprettySize: {}\n",
            spec.partition_index, spec.size, spec.pretty_size
        );
    }
    text
}

//! What this cluster is: machines, versions, backups, keys, and what only people know.

use super::document::{Block, Line, Section};
use super::facts::{Backup, Facts, Machine, Place, S3Place, TalosFacts};
use crate::recovery::Known;

/// What comes before everything else.
pub(super) fn first() -> Section {
    Section {
        title: "Four ways to make it worse".to_owned(),
        blocks: vec![Block::List(
            [
                "**Restoring while a quorum could come back.** Everything since the backup is gone then. Step 2 decides.",
                "**Bootstrapping twice.** Two nodes bootstrapped are two clusters. One person types.",
                "**A reset of the whole disk.** `talosctl reset` without `--system-labels-to-wipe` takes the machine config, too.",
                "**Rebooting or wiping before looking.** The last good database may lie on that node.",
            ]
            .map(Line::of)
            .into(),
        )],
    }
}

/// The facts.
pub(super) fn sections(facts: &Facts) -> Vec<Section> {
    vec![
        cluster(facts),
        machines(facts),
        backups(facts),
        keys(facts),
        configs(facts),
    ]
}

fn fact(label: &str, value: Line) -> Vec<Line> {
    vec![Line::default().text(label), value]
}

fn pairs(rows: Vec<Vec<Line>>) -> Block {
    Block::Table {
        header: vec!["What".to_owned(), "Value".to_owned()],
        rows,
    }
}

/// What is known as code, else a blank with the reason.
fn code(known: &Known<String>) -> Line {
    or_blank(known, |value| Line::default().code(value))
}

fn or_blank<T>(known: &Known<T>, show: impl FnOnce(&T) -> Line) -> Line {
    match known {
        Known::Is(value) => show(value),
        Known::Unknown(unknown) => Line::default().blank(&unknown.reason),
    }
}

fn codes(values: &[String]) -> Line {
    let mut line = Line::default();
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            line = line.text(", ");
        }
        line = line.code(value);
    }
    line
}

fn cluster(facts: &Facts) -> Section {
    let made = Line::of("Made ")
        .code(&facts.made_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .text(&format!(
            " by {}. Make it anew after every change: ",
            facts.tool
        ))
        .code("kubectl etcdbackup runbook")
        .text(". Keep it on paper, or anywhere but in this cluster.");
    let talos = |show: fn(&TalosFacts) -> Line| or_blank(&facts.talos, show);
    let rows = vec![
        fact(
            "Cluster, in object names",
            Line::default().code(&facts.cluster),
        ),
        fact("Cluster, as its nodes call it", code(&facts.own_name)),
        fact(
            "Talos context",
            talos(|talos| Line::default().code(&talos.context)),
        ),
        fact("Talos endpoints", talos(|talos| codes(&talos.endpoints))),
        fact(
            "SHA-256 of its Talos CA",
            talos(|talos| Line::default().code(&talos.authority)),
        ),
        fact("Talosconfig this was made with", talos(certificate)),
        fact("Talos version", code(&facts.versions.talos)),
        fact("etcd version", code(&facts.versions.etcd)),
        fact("Kubernetes version", code(&facts.versions.kubernetes)),
    ];
    Section {
        title: "The cluster".to_owned(),
        blocks: vec![
            Block::Text(made),
            Block::Text(Line::of(
                "What could not be learned is a blank. **Fill the blanks in now, by hand**: in the night of the outage nobody knows.",
            )),
            pairs(rows),
        ],
    }
}

fn certificate(talos: &TalosFacts) -> Line {
    let roles = if talos.roles.is_empty() {
        Line::of("no role")
    } else {
        codes(&talos.roles)
    };
    let end = talos.certificate_end.strftime("%Y-%m-%d").to_string();
    roles.text(", certificate until ").code(&end)
}

fn machines(facts: &Facts) -> Section {
    let row = |machine: &Machine| {
        let address = match machine.addresses.as_slice() {
            [] => Line::default().blank("its address"),
            addresses => codes(addresses),
        };
        let name = match &machine.hostname {
            Some(name) => Line::default().code(name),
            None => Line::default().blank("its host name"),
        };
        let role = if machine.is_control_plane {
            "control plane"
        } else {
            "worker"
        };
        let console = Line::default().blank("console, BMC or hypervisor");
        vec![name, address, Line::of(role), console]
    };
    let header = ["Name", "Address", "Role", "How to get at it"];
    let mut blocks = vec![Block::Table {
        header: header.map(str::to_owned).into(),
        rows: facts.machines.iter().map(row).collect(),
    }];
    if let Some(gap) = &facts.gap {
        let more = Line::of("**This may not be all of them:** ").text(gap);
        blocks.push(Block::Text(
            more.text(". Others: ").blank("names and addresses"),
        ));
    }
    Section {
        title: "Machines".to_owned(),
        blocks,
    }
}

fn backups(facts: &Facts) -> Section {
    let mut blocks = Vec::new();
    for place in &facts.places {
        blocks.push(Block::Text(
            Line::default().code(&place.destination).text(":"),
        ));
        blocks.push(pairs(rows_of(place)));
    }
    if facts.places.is_empty() {
        blocks.push(Block::Text(
            Line::of("Backups lie in ").blank("no destination was named: s3://BUCKET/PREFIX"),
        ));
    }
    blocks.push(Block::Text(
        Line::of("Is a store in this cluster, or behind its DNS? Then it is of no use now. A second copy lies in ")
            .blank("another place, or none"),
    ));
    Section {
        title: "Backups".to_owned(),
        blocks,
    }
}

fn rows_of(place: &Place) -> Vec<Vec<Line>> {
    let mut rows = Vec::new();
    if let Some(s3) = &place.s3 {
        let endpoint = |s3: &S3Place| match &s3.endpoint {
            Some(endpoint) => Line::default().code(endpoint),
            None => Line::of("AWS"),
        };
        rows.push(fact("Endpoint", or_blank(s3, endpoint)));
        let region = |s3: &S3Place| Line::default().code(&s3.region);
        rows.push(fact("Region", or_blank(s3, region)));
    }
    rows.push(fact("Last backup", or_blank(&place.newest, newest)));
    let vouched = or_blank(&place.vouched, |vouched| match vouched {
        None => Line::of("**none**: `kubectl etcdbackup verify --deep` keeps one"),
        Some(one) => {
            let line = Line::default().code(&one.url);
            let when = one.verified_at.as_deref().unwrap_or("at a time not told");
            line.text(&format!(", found good ({}) {when}", one.depth))
        }
    });
    rows.push(fact("Last verified backup", vouched));
    rows
}

fn newest(newest: &Option<Backup>) -> Line {
    match newest {
        None => Line::of("**none of this cluster**"),
        Some(backup) => Line::default()
            .code(&backup.url)
            .text(&format!(", {} bytes", backup.bytes)),
    }
}

fn keys(facts: &Facts) -> Section {
    let mut rows = Vec::new();
    match &facts.recipients {
        Known::Is(all) if all.is_empty() => rows.push(fact(
            "Encryption",
            Line::of("**none**: whoever reads the store reads every Secret"),
        )),
        Known::Is(all) => rows.extend(all.iter().map(|one| {
            let label = Line::of("Identity of recipient ").code(one);
            let kept = Line::default().blank("where its key file is kept, and who can get it");
            vec![label, kept]
        })),
        Known::Unknown(unknown) => {
            rows.push(fact("Recipients", Line::default().blank(&unknown.reason)));
        }
    }
    for (label, what) in [
        ("S3 credentials that can read", "where they are kept"),
        (
            "Talosconfig with role os:admin",
            "where it is kept, and until when it is valid",
        ),
        (
            "Secrets bundle (secrets.yaml), or a machine config",
            "where it is kept",
        ),
    ] {
        rows.push(fact(label, Line::default().blank(what)));
    }
    Section {
        title: "Keys".to_owned(),
        blocks: vec![
            Block::Text(Line::of(
                "Fingerprints and places only: **never write a key or password on this paper.**",
            )),
            pairs(rows),
        ],
    }
}

fn configs(facts: &Facts) -> Section {
    let mut blocks = vec![Block::Text(Line::of(
        "What a node is replaced with. They are sealed for the recipients that `kubectl etcdbackup configs save` was given.",
    ))];
    for place in &facts.places {
        blocks.push(match &place.configs {
            Known::Unknown(unknown) => Block::Text(
                Line::of("In ")
                    .code(&place.destination)
                    .text(": ")
                    .blank(&unknown.reason),
            ),
            Known::Is(saved) if saved.is_empty() => Block::Text(
                Line::of("In ")
                    .code(&place.destination)
                    .text(": ")
                    .blank("none is saved; kept elsewhere?"),
            ),
            Known::Is(saved) => Block::Table {
                header: ["Node", "Saved", "Fingerprint", "Where"]
                    .map(str::to_owned)
                    .into(),
                rows: saved
                    .iter()
                    .map(|one| {
                        let time = one.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                        [&one.node, &time, &one.fingerprint, &one.url]
                            .map(|cell| Line::default().code(cell))
                            .into()
                    })
                    .collect(),
            },
        });
    }
    Section {
        title: "Saved machine configs".to_owned(),
        blocks,
    }
}

/// What only people know.
pub(super) fn by_hand() -> Section {
    let rows = [
        ("Who decides on a restore", "name and telephone"),
        ("Who else knows this cluster", "name and telephone"),
        (
            "Where the Kubernetes endpoint leads (VIP, load balancer, DNS)",
            "name, address, how to change it",
        ),
        (
            "What the nodes need from outside (registry, DNS, time, KMS)",
            "and whether it lives in this cluster",
        ),
        (
            "What must not act on old state (GitOps, autoscaler, DNS controller)",
            "how to stop it",
        ),
    ];
    let rows = rows
        .iter()
        .map(|(label, what)| fact(label, Line::default().blank(what)));
    Section {
        title: "What only people know".to_owned(),
        blocks: vec![pairs(rows.collect())],
    }
}

//! The steps of a recovery with this cluster's names, in the order of `docs/runbook.md`.

use super::document::{Block, Line, Section, word_blank};
use super::facts::{Facts, Machine, Place};
use crate::printable::printable;
use crate::recovery::Known;
use crate::shell;

const FILE: &str = "db.snapshot";

/// Words that the commands are filled in with.
struct Words<'a> {
    facts: &'a Facts,
    /// Control planes, separated by commas.
    nodes: String,
    /// The one that is bootstrapped.
    first: String,
    /// Where backups are fetched from.
    place: String,
    identity: String,
}

impl<'a> Words<'a> {
    fn of(facts: &'a Facts) -> Self {
        let addresses = facts.addresses();
        let or = |text: String, blank: &str| match text.as_str() {
            "" => word_blank(blank),
            text => word(text),
        };
        let place = facts.places.first();
        let place = place.map_or(String::new(), |place| place.destination.clone());
        let first = addresses.first().copied().unwrap_or_default();
        Self {
            facts,
            nodes: or(addresses.join(","), "CONTROL_PLANES"),
            first: or(first.to_owned(), "CONTROL_PLANE"),
            place: or(place, "DESTINATION"),
            identity: word_blank("IDENTITY_FILE"),
        }
    }

    /// The names that distinguish this cluster in a shared prefix.
    fn cluster(&self) -> String {
        word(&self.facts.cluster)
    }

    /// What the nodes call their cluster: typed to confirm a wipe.
    fn confirmation(&self) -> String {
        let name = self.facts.own_name.get();
        name.map_or_else(|| word_blank("CLUSTER_NAME"), |name| word(name))
    }
}

/// All steps.
pub(super) fn sections(facts: &Facts) -> Vec<Section> {
    let words = Words::of(facts);
    vec![
        prepare(&words),
        reach(),
        dead(),
        fetch(&words),
        prove(),
        fit(&words),
        replace(&words),
        wipe(&words),
        wait(),
        bootstrap(&words),
        back(),
        afterwards(&words),
        with_talosctl(&words),
    ]
}

/// A word of others, as a shell takes it and a person can read it.
fn word(text: &str) -> String {
    shell::quoted(&printable(text))
}

fn section(title: &str, blocks: Vec<Block>) -> Section {
    Section {
        title: title.to_owned(),
        blocks,
    }
}

fn text(text: &str) -> Block {
    Block::Text(Line::of(text))
}

fn list(points: &[&str]) -> Block {
    Block::List(points.iter().map(|point| Line::of(point)).collect())
}

fn commands<const N: usize>(commands: [String; N]) -> Block {
    Block::Commands(commands.into())
}

fn plain<const N: usize>(all: [&str; N]) -> Block {
    commands(all.map(str::to_owned))
}

fn prepare(words: &Words<'_>) -> Section {
    let export = |name: &str, value: &str| format!("export {name}={value}");
    let mut lines = vec![
        export("TALOSCONFIG", &word_blank("ADMIN_TALOSCONFIG")),
        export("ETCDBACKUP_ENDPOINTS", &words.nodes),
    ];
    if let Known::Is(talos) = &words.facts.talos {
        lines.push(export("ETCDBACKUP_TALOS_CONTEXT", &word(&talos.context)));
    }
    lines.extend(store_settings(words.facts.places.first()));
    section(
        "Prepare a machine outside of the cluster",
        vec![
            text(
                "It needs the programs `talosctl-recover-*`, `talosctl-snapshot-*`, `kubectl-etcdbackup`, and `talosctl`, `kubectl`, `age`; the S3 credentials as AWS variables or in `~/.aws`.",
            ),
            Block::Commands(lines),
            text("Alone? The whole recovery as one conversation, with these steps in it:"),
            commands([format!(
                "talosctl-recover-guide {} --cluster-name {} -i {}",
                words.place,
                words.cluster(),
                words.identity
            )]),
        ],
    )
}

/// Endpoint and region, where they are not what everybody would take.
fn store_settings(place: Option<&Place>) -> Vec<String> {
    let Some(s3) = place
        .and_then(|place| place.s3.as_ref())
        .and_then(Known::get)
    else {
        return Vec::new();
    };
    let endpoint = s3.endpoint.as_deref();
    let endpoint =
        endpoint.map(|endpoint| format!("export AWS_ENDPOINT_URL_S3={}", word(endpoint)));
    let region = format!("export AWS_REGION={}", word(&s3.region));
    endpoint.into_iter().chain([region]).collect()
}

fn reach() -> Section {
    section(
        "1. Reach the nodes",
        vec![
            plain(["talosctl-recover-check"]),
            list(&[
                "Good: a table with every control plane, and a verdict.",
                "Exit code 77: certificate or role. 69: network, or the wrong addresses.",
                "A shared address (VIP) needs etcd, so it is dead, too: use the nodes' own.",
            ]),
        ],
    )
}

fn dead() -> Section {
    section(
        "2. Is it really dead?",
        vec![
            plain(["talosctl-recover-check unrecoverable"]),
            list(&[
                "0 (`lost`, `awaiting-bootstrap`): go on.",
                "1 (`healthy`, `degraded`, `blocked`): **restore nothing, wipe nothing.** Do what it says.",
                "1 (`salvageable`): save what is left first: `talosctl-snapshot-take --salvage -o salvage`.",
                "69, 77 (`unknown`): make the silent node answer. Gone for good, with its disk: `--lost ADDRESS`, here and in every later step.",
            ]),
        ],
    )
}

fn fetch(words: &Words<'_>) -> Section {
    let (place, cluster) = (&words.place, words.cluster());
    section(
        "3. Fetch the backup",
        vec![
            commands([
                format!("kubectl-etcdbackup list {place} --cluster-name {cluster}"),
                format!(
                    "talosctl-snapshot-pull {place} --cluster-name {cluster} -i {} -o {FILE}",
                    words.identity
                ),
            ]),
            list(&[
                "Did the trouble begin before the newest backup? `--at 2026-11-24T02:00:00Z` takes an older one.",
                "65: damaged, or the wrong identity. Take the next older one, or another destination.",
            ]),
        ],
    )
}

fn prove() -> Section {
    section(
        "4. Prove the backup",
        vec![
            commands([format!("talosctl-recover-check snapshot {FILE}")]),
            text("0: it can bring this cluster back. Anything else: do not go on with it."),
        ],
    )
}

fn fit(words: &Words<'_>) -> Section {
    section(
        "5. Make the nodes fit",
        vec![
            commands([
                format!("talosctl-recover-check nodes {FILE}"),
                format!(
                    "talosctl -e {} -n {} get machinetype",
                    words.first, words.nodes
                ),
            ]),
            list(&[
                "No node may be of type `init`.",
                "Images, DNS, time and disk keys must not come from this cluster.",
            ]),
        ],
    )
}

fn replace(words: &Words<'_>) -> Section {
    let mut blocks = vec![text(
        "Only a new machine, or one in maintenance mode: put the node's saved machine config on it. **Never switch the old machine on again with its old disk.**",
    )];
    for machine in words.facts.control_planes() {
        let name = word(machine.name());
        blocks.push(commands([
            format!(
                "kubectl-etcdbackup configs get {} --cluster-name {} --node {name} -i {} -o {name}.yaml",
                words.place,
                words.cluster(),
                words.identity
            ),
            apply(machine, &name),
        ]));
    }
    blocks.push(text(
        "Another machine may need another install disk or address in it: correct the file first.",
    ));
    section("A node must be replaced", blocks)
}

fn apply(machine: &Machine, name: &str) -> String {
    let address = machine.addresses.first();
    let address = address.map_or_else(|| word_blank("ADDRESS"), |address| word(address));
    format!("talosctl apply-config --insecure -e {address} -n {address} -f {name}.yaml")
}

fn wipe(words: &Words<'_>) -> Section {
    let wipe = format!(
        "talosctl-recover-wipe -n {} --restore-from {FILE}",
        words.nodes
    );
    section(
        "6. Wipe what is left of etcd",
        vec![
            text(
                "**Danger.** It takes etcd, images and local volumes of these nodes. Is the backup at hand, on a second disk?",
            ),
            commands([format!("{wipe} --dry-run")]),
            text("It shows what it would do, and the name to confirm with. Is that what you mean?"),
            commands([format!("{wipe} --confirm {}", words.confirmation())]),
        ],
    )
}

fn wait() -> Section {
    section(
        "7. Everybody waits",
        vec![
            plain(["talosctl-recover-check preparing"]),
            text(
                "0: every control plane is empty and waits. After 30 minutes Talos gives up waiting: reboot the node.",
            ),
        ],
    )
}

fn bootstrap(words: &Words<'_>) -> Section {
    let bootstrap = format!("talosctl-recover-bootstrap -n {} {FILE}", words.first);
    section(
        "8. Bootstrap one node",
        vec![
            text(
                "**Danger.** One node, once, by one person. Nobody reboots it until etcd is healthy. The others join by themselves.",
            ),
            commands([format!("{bootstrap} --dry-run")]),
            commands([format!("{bootstrap} --restart-kubelets")]),
        ],
    )
}

fn back() -> Section {
    section(
        "9. Prove that it is back",
        vec![
            plain(["talosctl-recover-check", "talosctl-recover-check recovered"]),
            text(
                "Each line that is not ok has its command. Kubelets and controllers that ran all the time must be restarted.",
            ),
        ],
    )
}

fn afterwards(words: &Words<'_>) -> Section {
    let (place, cluster) = (&words.place, words.cluster());
    section(
        "10. Afterwards",
        vec![
            commands([
                format!(
                    "kubectl-etcdbackup now --direct {place} --cluster-name {cluster} -R {}",
                    word_blank("RECIPIENTS_FILE")
                ),
                format!(
                    "kubectl-etcdbackup verify {place} --cluster-name {cluster} --deep -i {}",
                    words.identity
                ),
            ]),
            text(
                "Delete the fetched files, or lock them away: every Secret of the cluster is in them.",
            ),
        ],
    )
}

/// Never one block: who copies it whole would wipe before looking.
fn with_talosctl(words: &Words<'_>) -> Section {
    let first = |rest: &str| format!("talosctl -e {0} -n {0} {rest}", words.first);
    let look = |rest: &str| format!("talosctl -e {} -n {} {rest}", words.first, words.nodes);
    let mut blocks = vec![
        text(
            "For a machine without these programs. Nothing is checked here but by you. **Look:** does a member list come? Then there is a quorum: stop.",
        ),
        commands([
            look("service etcd"),
            format!("timeout 20 {}", first("etcd members")),
        ]),
        text("**Fetch** the backup, and look at it:"),
        commands([
            format!(
                "{} | age -d -i {} | zstd -d > {FILE}",
                object(words),
                words.identity
            ),
            format!("etcdutl snapshot status {FILE} -w table"),
        ]),
        text(
            "**Wipe** every control plane that has data, one after the other. A partition named ETCD: `--system-labels-to-wipe=ETCD`. Never without that flag.",
        ),
    ];
    blocks.extend(words.facts.addresses().into_iter().map(|address| {
        let reset = "reset --graceful=false --reboot --system-labels-to-wipe=EPHEMERAL";
        commands([format!("talosctl -e {0} -n {0} {reset}", word(address))])
    }));
    blocks.extend([
        text("**Bootstrap** one, when `service etcd` says Preparing everywhere:"),
        commands([first(&format!("bootstrap --recover-from=./{FILE}"))]),
        commands([first("service etcd"), first("etcd members")]),
    ]);
    section("The same with talosctl alone", blocks)
}

/// What prints the stored bytes of the newest backup.
fn object(words: &Words<'_>) -> String {
    let newest = words.facts.places.iter();
    let newest = newest.filter_map(|place| place.newest.get()?.as_ref());
    let urls = newest.map(|backup| backup.url.as_str());
    let (in_s3, others): (Vec<&str>, Vec<&str>) = urls.partition(|url| url.starts_with("s3://"));
    match (in_s3.first(), others.first()) {
        (Some(url), _) => format!("aws s3 cp {} -", word(url)),
        (None, Some(url)) => format!("cat {}", word(url.trim_start_matches("file://"))),
        (None, None) => format!("aws s3 cp {} -", word_blank("OBJECT")),
    }
}

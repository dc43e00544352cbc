//! The document of facts that are known, of facts that are not, and of names that try something.

use jiff::Timestamp;
use proptest::prelude::*;

use super::document::blanks;
use super::*;
use crate::configs::SavedConfig;
use crate::recovery::Known;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn machine(name: &str, address: &str, is_control_plane: bool) -> Machine {
    Machine {
        hostname: Some(name.to_owned()),
        addresses: vec![address.to_owned()],
        is_control_plane,
        talos: None,
    }
}

fn known(name: &str) -> Facts {
    let url = format!("s3://backups/prod/{name}.snap.age");
    Facts {
        cluster: "prod".to_owned(),
        made_at: time("2026-01-02T03:04:05Z"),
        tool: "etcdbackup 0.1.0".to_owned(),
        talos: Known::Is(TalosFacts {
            context: "prod-admin".to_owned(),
            endpoints: vec!["10.0.0.2".to_owned()],
            roles: vec!["os:admin".to_owned()],
            certificate_end: time("2027-01-02T03:04:05Z"),
            authority: "ab".repeat(32),
        }),
        own_name: Known::Is("talos-prod".to_owned()),
        machines: vec![
            machine(name, "10.0.0.2", true),
            machine("cp-2", "10.0.0.3", true),
            machine("worker-1", "10.0.0.9", false),
        ],
        gap: None,
        versions: Versions {
            talos: Known::Is("v1.13.2".to_owned()),
            etcd: Known::Is("3.6.12".to_owned()),
            kubernetes: Known::Is("v1.36.3".to_owned()),
        },
        places: vec![Place {
            destination: "s3://backups/prod".to_owned(),
            s3: Some(Known::Is(S3Place {
                endpoint: Some("https://s3.example.com".to_owned()),
                region: "eu-1".to_owned(),
            })),
            newest: Known::Is(Some(Backup {
                url: url.clone(),
                taken_at: time("2026-01-02T03:00:00Z"),
                bytes: 1234,
                ..Backup::default()
            })),
            vouched: Known::Is(Some(Vouched {
                url,
                taken_at: time("2026-01-02T03:00:00Z"),
                depth: "deep".to_owned(),
                verified_at: Some("2026-01-02T03:01:00Z".to_owned()),
            })),
            configs: Known::Is(vec![SavedConfig {
                url: "s3://backups/prod/.configs/prod/cp-2".to_owned(),
                key: String::new(),
                cluster: "prod".to_owned(),
                node: name.to_owned(),
                address: None,
                taken_at: time("2026-01-01T00:00:00Z"),
                fingerprint: "0123456789abcdef".to_owned(),
                sealed_for: None,
                size: 9,
            }]),
        }],
        recipients: Known::Is(vec!["age:0011223344556677".to_owned()]),
    }
}

fn unknown() -> Facts {
    let why = || Known::not_asked("no endpoint answered");
    Facts {
        talos: Known::not_asked("no talosconfig"),
        own_name: why(),
        machines: Vec::new(),
        gap: Some("nobody told".to_owned()),
        versions: Versions {
            talos: why(),
            etcd: why(),
            kubernetes: why(),
        },
        places: Vec::new(),
        recipients: Known::not_asked("no manifest"),
        ..known("cp-1")
    }
}

fn commands(document: &Document) -> Vec<&str> {
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let commands = blocks.filter_map(|block| match block {
        Block::Commands(commands) => Some(commands),
        _ => None,
    });
    commands.flatten().map(String::as_str).collect()
}

#[test]
fn what_is_known_stands_in_the_commands() {
    let document = write(&known("cp-1"));
    let all = commands(&document).join("\n");
    for command in [
        "export ETCDBACKUP_ENDPOINTS=10.0.0.2,10.0.0.3",
        "export ETCDBACKUP_TALOS_CONTEXT=prod-admin",
        "export AWS_ENDPOINT_URL_S3=https://s3.example.com",
        "export AWS_REGION=eu-1",
        "talosctl-snapshot-pull s3://backups/prod --cluster-name prod -i ____IDENTITY_FILE____ -o db.snapshot",
        "talosctl-recover-wipe -n 10.0.0.2,10.0.0.3 --restore-from db.snapshot --confirm talos-prod",
        "talosctl-recover-bootstrap -n 10.0.0.2 db.snapshot --restart-kubelets",
        "kubectl-etcdbackup configs get s3://backups/prod --cluster-name prod --node cp-1 -i ____IDENTITY_FILE____ -o cp-1.yaml",
        "talosctl -e 10.0.0.3 -n 10.0.0.3 reset --graceful=false --reboot --system-labels-to-wipe=EPHEMERAL",
        "aws s3 cp s3://backups/prod/cp-1.snap.age - | age -d -i ____IDENTITY_FILE____ | zstd -d > db.snapshot",
    ] {
        assert!(all.lines().any(|line| line == command), "{command}\n{all}");
    }
    let order = [
        "recover-check\n",
        "unrecoverable",
        "snapshot-pull",
        "check snapshot",
        "check nodes",
        "recover-wipe",
        "preparing",
        "recover-bootstrap",
        "recovered",
        "now --direct",
    ];
    let places: Vec<usize> = order.iter().map(|word| all.find(word).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}\n{all}");
}

#[test]
fn what_is_not_known_is_a_blank_with_its_reason() {
    let document = write(&unknown());
    let all = commands(&document).join("\n");
    for blank in [
        "CONTROL_PLANES",
        "CONTROL_PLANE",
        "DESTINATION",
        "CLUSTER_NAME",
        "OBJECT",
    ] {
        assert!(all.contains(&format!("____{blank}____")), "{blank}\n{all}");
    }
    let (text, page) = (markdown(&document), html(&document));
    for reason in ["no endpoint answered", "no talosconfig", "no manifest"] {
        assert!(text.contains(&format!("({reason})")), "{reason}\n{text}");
        assert!(
            page.contains(&format!("<span class=\"blank\">{reason}</span>")),
            "{reason}"
        );
    }
    assert!(text.contains("nobody told") && page.contains("nobody told"));
    assert!(page.contains("-n <span class=\"blank\">____CONTROL_PLANE____</span> db.snapshot"));
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = html(&write(&known("cp-1")));
    for outside in [
        "src=", "href=", "url(", "@import", "<script", "<link", "<img",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn blanks_of_a_command_are_found() {
    let found = blanks("a -i ____X_Y____ -o b____Z____");
    let wanted = [
        (false, "a -i "),
        (true, "____X_Y____"),
        (false, " -o b"),
        (true, "____Z____"),
    ];
    assert_eq!(found, wanted);
    assert_eq!(blanks("plain"), [(false, "plain")]);
}

/// Names that are marks of Markdown, of HTML, and of a shell.
const HOSTILE: &str = "[a-z0-9<>&\"'`|*_#\\\\\\[\\]()!$;\n\r\u{1b}\u{202e} -]{1,24}";

proptest! {
    #[test]
    fn no_name_breaks_out_of_its_place(name in HOSTILE, reason in HOSTILE) {
        let mut facts = known(&name);
        facts.gap = Some(reason.clone());
        facts.own_name = Known::Is(name.clone());
        facts.versions.etcd = Known::not_asked(reason);
        let document = write(&facts);

        let page = html(&document);
        let tags = ["!DOCTYPE", "html", "head", "meta", "title", "style", "body", "h1", "h2", "p>",
            "ul", "li", "table", "tr", "th>", "td>", "pre", "code", "strong", "span class=\"blank\""];
        for rest in page.split('<').skip(1) {
            let tag = rest.trim_start_matches('/');
            prop_assert!(tags.iter().any(|known| tag.starts_with(known)) || tag.starts_with("span>"), "<{}", rest);
        }

        let text = markdown(&document);
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        prop_assert!(!text.contains(steers) && !page.contains(steers));
        let fences = text.lines().filter(|line| line.starts_with("```")).count();
        let blocks = document.sections.iter().flat_map(|section| &section.blocks);
        let wanted = blocks.filter(|block| matches!(block, Block::Commands(_))).count();
        prop_assert_eq!(fences, 2 * wanted);
        for row in text.lines().filter(|line| line.starts_with("| ")) {
            let bars = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
            prop_assert!([3, 5].contains(&bars), "{}", row);
        }
    }

    #[test]
    fn a_command_is_one_line_whatever_the_names(name in HOSTILE) {
        for command in commands(&write(&known(&name))) {
            prop_assert!(!command.contains(['\n', '\r', '\u{1b}']), "{command:?}");
        }
    }
}

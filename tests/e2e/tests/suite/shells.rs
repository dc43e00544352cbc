//! The pipelines of the runbook in sh, bash and dash: what each program gives to the shell.

use e2e::{BUCKET, World, text};
use talos_sim::Fault;

use crate::support::{SIZE, code, ok, sample, serving};

const SHELLS: [&str; 3] = ["sh", "bash", "dash"];

/// A script in a shell; what it prints last is what it is about.
fn in_shell(world: &World, shell: &str, script: &str) -> (i32, String, String) {
    let mut command = world.command(shell);
    let output = command.args(["-c", script]).output().unwrap();
    (code(&output), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_pipeline_ends_with_the_code_of_its_last_program_and_a_bad_one_stores_nothing() {
    let world = serving();
    for shell in SHELLS {
        let take = "talosctl-snapshot-take";
        let push = "talosctl-snapshot-push s3://backups/piped -R recipients.txt";
        let (code, _, stderr) = in_shell(&world, shell, &format!("{take} | {push}"));
        assert_eq!(code, 0, "{shell}: {stderr}");
        let stored = world.s3.keys(BUCKET, "piped").len();
        // Talos ends what it broke off with success: `take` fails, and `push` by itself.
        (0..3).for_each(|node| world.talos.inject(node, Fault::CutWithOk(200_000)).unwrap());
        let (code, stdout, stderr) = in_shell(&world, shell, &format!("{take} | {push}; echo $?"));
        assert_eq!((code, stdout.as_str()), (0, "65\n"), "{shell}: {stderr}");
        assert_eq!(world.s3.keys(BUCKET, "piped").len(), stored, "{shell}");
        world.talos.clear_faults().unwrap();
    }
}

#[test]
fn with_pipefail_the_first_failure_is_the_pipelines() {
    let world = serving();
    let script =
        "set -o pipefail; talosctl-snapshot-pull s3://backups/none -i key.txt | cat; echo $?";
    let (_, stdout, stderr) = in_shell(&world, "bash", script);
    assert_eq!(stdout, "1\n", "{stderr}");
}

#[test]
fn a_check_that_says_no_stops_what_stands_behind_it() {
    let world = World::with_etcd();
    let admin = world.talos.talosconfig(&["os:admin"]).unwrap();
    admin.write(&world.path("talosconfig")).unwrap();
    for shell in SHELLS {
        let check = "talosctl-recover-check unrecoverable --survey-pause 1ms >/dev/null 2>&1";
        let (_, stdout, _) = in_shell(
            &world,
            shell,
            &format!("{check} && echo wiped || echo \"kept: $?\""),
        );
        assert_eq!(stdout, "kept: 1\n", "{shell}");
        let (_, stdout, stderr) = in_shell(
            &world,
            shell,
            "if kubectl etcdbackup list s3://backups/prod --max-age 1h; then echo fresh; else echo \"stale: $?\"; fi",
        );
        assert_eq!(stdout, "stale: 1\n", "{shell}: {stderr}");
    }
}

#[test]
fn a_dash_is_stdin_or_stdout_and_stdin_is_read_once() {
    let world = serving();
    std::fs::write(world.path("db"), sample(SIZE)).unwrap();
    for shell in SHELLS {
        for script in [
            "talosctl-snapshot-inspect check --tee - <db | cmp - db",
            "talosctl-snapshot-push -f - file://$PWD/nas --no-encrypt --cluster-name x <db",
            "talosctl-snapshot-pull file://$PWD/nas -o - | cmp - db",
            "talosctl-snapshot-take -o - | cmp - db",
            "talosctl-snapshot-push -f db s3://backups/dash -R - --cluster-name x <recipients.txt",
            "talosctl-snapshot-pull s3://backups/dash -i - -o got --force <key.txt && cmp got db",
        ] {
            let (code, _, stderr) = in_shell(&world, shell, script);
            assert_eq!(code, 0, "{shell}: {script}: {stderr}");
        }
        let twice = "talosctl-snapshot-push -f - s3://backups/dash -R - <recipients.txt";
        let (code, _, stderr) = in_shell(&world, shell, twice);
        assert_eq!(code, 2, "{shell}: {stderr}");
        assert!(stderr.contains("stdin"), "{stderr}");
    }
}

#[test]
fn paths_have_spaces_and_line_ends() {
    let world = serving();
    for shell in SHELLS {
        let script = "set -e
            d='a folder
with a line end'
            rm -rf \"$d\"; mkdir \"$d\"
            talosctl-snapshot-take -o \"$d/my snapshot\"
            cp recipients.txt \"$d/my keys\"
            talosctl-snapshot-push -f \"$d/my snapshot\" s3://backups/spaces -R \"$d/my keys\"
            talosctl-snapshot-pull s3://backups/spaces -i key.txt -o \"$d/back again\"
            cmp \"$d/my snapshot\" \"$d/back again\"
            mkdir -p \"my nas\"
            talosctl-snapshot-push -f \"$d/my snapshot\" \"file://$PWD/my nas\" -R recipients.txt --cluster-name prod
            kubectl etcdbackup list \"file://$PWD/my nas\" -o name";
        let (code, stdout, stderr) = in_shell(&world, shell, script);
        assert_eq!(code, 0, "{shell}: {stderr}");
        assert!(stdout.contains("/my nas/prod-"), "{shell}: {stdout}");
    }
}

#[test]
fn a_closed_stream_is_told_and_never_a_hang() {
    let world = serving();
    std::fs::write(world.path("db"), sample(SIZE)).unwrap();
    for shell in SHELLS {
        for (script, expected) in [
            // Who prints bytes needs somebody to take them; who reads needs somebody to give.
            ("talosctl-snapshot-take >&-", 74),
            (
                "talosctl-snapshot-push -f - s3://backups/closed -R recipients.txt <&-",
                65,
            ),
            (
                "talosctl-snapshot-inspect status db | head -1 >/dev/null",
                0,
            ),
            ("talosctl-snapshot-take 2>&- >taken", 0),
        ] {
            let (code, _, stderr) = in_shell(&world, shell, script);
            let either = expected == 65 && code == 74;
            assert!(
                code == expected || either,
                "{shell}: {script}: {code}: {stderr}"
            );
        }
        assert!(world.s3.keys(BUCKET, "closed").is_empty());
    }
    let quiet =
        world.shell("talosctl-snapshot-inspect status db | head -1; echo \"${PIPESTATUS[0]}\"");
    ok(&quiet);
    assert!(
        text(&quiet.stdout).ends_with("0\n"),
        "{}",
        text(&quiet.stdout)
    );
    assert_eq!(text(&quiet.stderr), "");
}

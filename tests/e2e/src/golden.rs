//! Texts that are reviewed by people and compared to the letter.
//!
//! `UPDATE_GOLDENS=1 cargo test -p e2e` writes them anew; the difference is then read in
//! `git diff` as an operator would read the messages.

use regex::Regex;

use crate::World;

/// Compares `text` with the file `name` under `tests/e2e/goldens`.
///
/// # Panics
/// They differ, with the first line that does.
pub fn compare(name: &str, text: &str) {
    let path = crate::repository().join("tests/e2e/goldens").join(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a written golden");
        return;
    }
    let golden = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error} (UPDATE_GOLDENS=1 writes it)", path.display()));
    let differs = golden
        .lines()
        .zip(text.lines())
        .position(|(old, new)| old != new);
    let line = differs.unwrap_or_else(|| golden.lines().count().min(text.lines().count()));
    assert!(
        golden == text,
        "{name} differs at line {}:\n- {}\n+ {}\n(UPDATE_GOLDENS=1 writes it anew)\n\n{text}",
        line + 1,
        golden.lines().nth(line).unwrap_or("(end)"),
        text.lines().nth(line).unwrap_or("(end)"),
    );
}

/// `text` without what differs from run to run: times, ports, addresses, folders, keys.
pub fn filtered(world: &World, text: &str) -> String {
    let mut text = text.replace('\r', "");
    let folder = world.folder.path().display().to_string();
    text = text.replace(&folder, "$DIR");
    text = text.replace(&world.s3.endpoint(), "$S3");
    for (index, node) in world.talos.nodes().iter().enumerate() {
        text = replaced(
            &text,
            &format!(r"\b{}\b", regex::escape(&node.address.to_string())),
            &format!("$$NODE{}", index + 1),
        );
    }
    let rules = [
        (
            r"\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d(\.\d+)?(Z|[+-]\d\d[:-]\d\d)",
            "$$TIME",
        ),
        (r"\bage1[02-9ac-hj-np-z]{58}\b", "$$RECIPIENT"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:$$PORT"),
        (r"\b[0-9a-f]{64}\b", "$$SHA256"),
    ];
    for (pattern, with) in rules {
        text = replaced(&text, pattern, with);
    }
    text
}

/// `text` with every match of `pattern` replaced.
pub fn replaced(text: &str, pattern: &str, with: &str) -> String {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern.replace_all(text, with).into_owned()
}

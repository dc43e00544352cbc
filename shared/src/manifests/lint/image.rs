//! Which program it is.

use super::containers::Container;
use super::{Finding, Severity};

/// An image that is another one tomorrow.
pub(super) fn image(container: &Container<'_>) -> Option<Finding> {
    let image = container.spec["image"].as_str()?;
    let last = image.rsplit('/').next().unwrap_or(image);
    let moves = !image.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    moves.then(|| Finding {
        rule: "image",
        severity: Severity::Warn,
        object: container.object.clone(),
        what: format!("image `{image}` may be another one tomorrow"),
        hint: "name a release, or better its digest: `IMAGE@sha256:…`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{cron_job, found};
    use super::*;

    #[test]
    fn a_release_or_a_digest_stays_what_it_is() {
        for (image, moves) in [
            ("example.com:5000/talos-backup", true),
            ("example.com/talos-backup:latest", true),
            ("example.com/talos-backup:v1", false),
            ("talos-backup@sha256:00", false),
        ] {
            let objects = cron_job(&format!(
                "image: {image}\nenv: [{{name: AGE_X25519_PUBLIC_KEY, value: age1x}}]"
            ));
            let expected = moves.then_some(("image", Severity::Warn));
            assert_eq!(found(&objects), Vec::from_iter(expected), "{image}");
        }
    }
}

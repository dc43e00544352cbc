//! What the documentation tells to type.

/// The `sh` blocks of a document, however far they are indented.
pub fn blocks(document: &str) -> Vec<String> {
    fenced(document, "sh")
}

/// What people read, but for what the programs print themselves: paths within the repository.
pub fn all() -> Vec<String> {
    let folders = ["", "docs/", "docs/recovery/"].into_iter();
    let of = |folder: &str| {
        let entries = std::fs::read_dir(crate::repository().join(folder)).expect(folder);
        let names = entries.map(|entry| entry.expect(folder).file_name());
        let names = names.map(|name| format!("{folder}{}", name.to_string_lossy()));
        names
            .filter(|name| name.ends_with(".md"))
            .collect::<Vec<_>>()
    };
    folders.flat_map(of).collect()
}

/// The blocks of a document that are tagged so; without a tag: `""`.
pub fn fenced(document: &str, tag: &str) -> Vec<String> {
    let text = std::fs::read_to_string(crate::repository().join(document)).expect(document);
    let (mut found, mut block) = (Vec::new(), None::<(bool, String)>);
    for line in text.lines() {
        let line = line.trim();
        match (line.strip_prefix("```"), block.as_mut()) {
            (Some(opened), None) => block = Some((opened == tag, String::new())),
            (Some(_), Some(_)) => {
                let (wanted, block) = block.take().expect("a block");
                found.extend(wanted.then_some(block));
            }
            (None, Some((_, block))) => *block += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    found
}

//! What the documentation tells to type.

/// The `sh` blocks of a document, however far they are indented.
pub fn blocks(document: &str) -> Vec<String> {
    fenced(document, "sh")
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

//! Command lines as a person types them.

/// A command line as a shell reads it back.
pub fn shell<'a>(program: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = program.to_owned();
    for word in words {
        line.push(' ');
        line.push_str(&quoted(word));
    }
    line
}

/// A word that a shell reads back as it is.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

//! What is said of each plugin: `plugins/NAME.yaml`.

use serde::Deserialize;

use crate::{Failure, files, read, repository};

/// A plugin of krew, which is one program of the suite.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Plugin {
    /// Its name: that of the file.
    #[serde(skip)]
    pub(crate) name: String,
    /// The program that it links.
    pub(crate) program: String,
    /// The archive that it comes in.
    pub(crate) archive: String,
    /// A column of `krew search`.
    pub(crate) short_description: String,
    /// What it does.
    pub(crate) description: String,
    /// Printed after it was installed.
    #[serde(default)]
    pub(crate) caveats: String,
}

/// All of them, by name.
pub(crate) fn all() -> Result<Vec<Plugin>, Failure> {
    let folder = repository().join("krew-manifest/plugins");
    let parse = |path: std::path::PathBuf| {
        let shown = path.display().to_string();
        let text =
            String::from_utf8(read(&path)?).map_err(|_| format!("`{shown}` is not UTF-8"))?;
        let mut plugin: Plugin =
            serde_saphyr::from_str(&text).map_err(|error| format!("`{shown}`: {error}"))?;
        let name = path.file_stem().and_then(|name| name.to_str());
        plugin.name = name.unwrap_or_default().to_owned();
        Ok(plugin)
    };
    files(&folder)?.into_iter().map(parse).collect()
}

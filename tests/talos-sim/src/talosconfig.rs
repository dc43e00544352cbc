//! Writes talosconfig files as `talosctl` reads them: certificates and key as base64 of PEM.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::certificates::Identity;
use crate::error::Error;

/// One talosconfig with one context.
#[derive(Debug, Clone)]
pub struct Talosconfig {
    /// Name of the context, and the chosen one.
    pub context: String,
    /// Hosts to talk to.
    pub endpoints: Vec<String>,
    /// Nodes meant when none are named; empty: the key is left out.
    pub nodes: Vec<String>,
    /// PEM of the CA.
    pub authority: String,
    /// The client.
    pub identity: Identity,
    /// `proxy-url`; none: the key is left out.
    pub proxy: Option<String>,
}

impl Talosconfig {
    /// The file's text.
    #[must_use]
    pub fn render(&self) -> String {
        let encode = |pem: &str| BASE64_STANDARD.encode(pem);
        let list = |name: &str, hosts: &[String]| {
            let rows: String = hosts
                .iter()
                .map(|host| format!("            - {host}\n"))
                .collect();
            format!("        {name}:\n{rows}")
        };
        let mut text = format!("context: {0}\ncontexts:\n    {0}:\n", self.context);
        text += &list("endpoints", &self.endpoints);
        if !self.nodes.is_empty() {
            text += &list("nodes", &self.nodes);
        }
        text += &format!("        ca: {}\n", encode(&self.authority));
        text += &format!("        crt: {}\n", encode(&self.identity.certificate));
        text += &format!("        key: {}\n", encode(&self.identity.key));
        if let Some(proxy) = &self.proxy {
            text += &format!("        proxy-url: {proxy}\n");
        }
        text
    }

    /// Writes it with mode 0600, over what was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let tried = format!("writing {}", path.display());
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(Error::at(&tried))?;
        file.write_all(self.render().as_bytes())
            .map_err(Error::at(&tried))
    }
}

//! What a release puts on GitHub, on loopback: releases and git repositories as plain files, over
//! TLS with a CA of our own, behind a proxy. Whoever downloads needs nothing but two variables.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use e2e::text;
use rustls::crypto::aws_lc_rs;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use talos_sim::Authority;

const HOST: &str = "github.com";
/// How long a client may say nothing.
const IDLE: Duration = Duration::from_secs(30);

/// The files, and the proxy in front of them, which ends with the test's process.
pub(crate) struct GitHub {
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl GitHub {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let identity = authority.server(HOST, Ipv4Addr::LOCALHOST).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate], identity.key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (config, files) = (Arc::new(config), folder.path().join("files"));
        fs::create_dir(&files).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, files) = (Arc::clone(&config), files.clone());
                // A client that goes away is none of our business.
                std::thread::spawn(move || serve(stream?, config, &files));
            }
        });
        Self { folder, address }
    }

    /// Where a path of its URLs lies.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("files").join(path)
    }

    /// A bare repository at a path, of what lies in a folder, with a tag.
    pub(crate) fn repository(&self, path: &str, tree: &Path, tag: &str) {
        let bare = self.path(path);
        fs::create_dir_all(&bare).unwrap();
        git(
            &bare,
            &["init", "--quiet", "--bare", "--initial-branch=main"],
        );
        let work = tree.to_str().unwrap();
        let within = ["--work-tree", work];
        let user = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        git(&bare, &[&within[..], &["add", "--all"]].concat());
        let commit = ["commit", "--quiet", "--allow-empty", "--message=a"];
        git(&bare, &[&user[..], &within[..], &commit[..]].concat());
        git(&bare, &["tag", tag]);
        git(&bare, &["repack", "-a", "-d", "-q"]);
        // For those who have nothing but files.
        git(&bare, &["update-server-info"]);
    }

    /// Whom to ask, and whom to trust, as curl, git and Go's programs read it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        let authority = self.folder.path().join("ca.pem").display().to_string();
        [
            ("HTTPS_PROXY", format!("http://{}", self.address)),
            ("SSL_CERT_FILE", authority.clone()),
            ("GIT_SSL_CAINFO", authority),
        ]
    }

    /// The same for git alone: whatever else downloads goes where it always goes.
    pub(crate) fn of_git(&self) -> [(&'static str, String); 4] {
        let [(_, proxy), _, authority] = self.environment();
        [
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", format!("http.https://{HOST}/.proxy")),
            ("GIT_CONFIG_VALUE_0", proxy),
            authority,
        ]
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(folder).args(arguments);
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder);
    let output = git.current_dir(folder).output().unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
}

/// A tunnel, and requests in it until the client has enough.
fn serve(mut stream: TcpStream, config: Arc<ServerConfig>, files: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    let connect = request(&mut BufReader::with_capacity(1, &stream))?;
    if connect.as_deref() != Some(&format!("CONNECT {HOST}:443")) {
        return stream.write_all(b"HTTP/1.1 502 Nobody Else Is Here\r\ncontent-length: 0\r\n\r\n");
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut client = BufReader::new(StreamOwned::new(connection, stream));
    while let Some(asked) = request(&mut client)? {
        let path = asked.split_whitespace().nth(1).unwrap_or_default();
        let path = path
            .split('?')
            .next()
            .unwrap_or_default()
            .trim_start_matches('/');
        let file = (!path.split('/').any(|part| part == "..")).then(|| files.join(path));
        let found = file.and_then(|file| fs::read(file).ok());
        let (status, body) = match &found {
            Some(body) => ("200 OK", &body[..]),
            None => ("404 Not Found", &[][..]),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let client = client.get_mut();
        client.write_all(head.as_bytes())?;
        client.write_all(body)?;
        client.flush()?;
    }
    Ok(())
}

/// Method and target of the next request, whose headers tell nothing here; none: no more.
fn request(client: &mut BufReader<impl Read>) -> std::io::Result<Option<String>> {
    let (mut first, mut line) = (None, String::new());
    loop {
        line.clear();
        if client.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(first),
            text => {
                first.get_or_insert_with(|| {
                    text.rsplit_once(' ').unwrap_or((text, "")).0.to_owned()
                });
            }
        }
    }
}

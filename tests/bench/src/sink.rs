//! The S3 server as a process, with a slow mode: every answer waits, so that each request
//! holds its part in the client's memory.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY};
use s3_sim::folder::FolderServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const BLOCK: usize = 256 * 1024;

/// Serves S3 until stdin closes.
#[derive(Debug, Args)]
pub(crate) struct Sink {
    /// Milliseconds that every answer waits
    #[arg(long, default_value_t = 0)]
    hold: u64,
}

impl Sink {
    pub(crate) fn serve(&self) -> ExitCode {
        // On disk: gibibytes of objects are no matter of the server's memory.
        let s3 = FolderServer::start(&[BUCKET], ACCESS_KEY, SECRET_KEY).expect("an S3 server");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let endpoint = match self.hold {
            0 => s3.endpoint(),
            hold => runtime.block_on(slow(s3.endpoint(), Duration::from_millis(hold))),
        };
        println!("{}", serde_json::json!({ "endpoint": endpoint }));
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        runtime.shutdown_background();
        ExitCode::SUCCESS
    }
}

/// A door in front of a server: requests pass at once, answers wait.
async fn slow(endpoint: String, hold: Duration) -> String {
    let server: SocketAddr = endpoint
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Who goes away has its own reason.
                pass(client, server, hold).await.ok();
            });
        }
    });
    format!("http://{address}")
}

async fn pass(client: TcpStream, server: SocketAddr, hold: Duration) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(server).await?.into_split();
    let requests = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let answers = async {
        let mut block = vec![0; BLOCK];
        loop {
            let count = from_server.read(&mut block).await?;
            if count == 0 {
                return to_client.shutdown().await;
            }
            tokio::time::sleep(hold).await;
            to_client.write_all(&block[..count]).await?;
        }
    };
    tokio::try_join!(requests, answers).map(drop)
}

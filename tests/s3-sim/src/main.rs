//! `s3-sim`: the server as a program. Prints one line of JSON when it serves, then runs until
//! SIGTERM, SIGINT or, when asked, the end of stdin; leaves nothing behind.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program that talks plainly"
)]

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use s3_sim::{Fault, Policy, Rules, S3Sim};
use tokio::signal::unix::{SignalKind, signal};

/// An S3 server on loopback that keeps everything in memory.
#[derive(Debug, Parser)]
#[command(name = "s3-sim", disable_version_flag = true)]
struct Cli {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A bucket; can repeat.
    #[arg(long, default_value = "backups", value_name = "NAME")]
    bucket: Vec<String>,
    /// A bucket that keeps versions; can repeat.
    #[arg(long, value_name = "NAME")]
    versioned_bucket: Vec<String>,
    /// A bucket whose objects can be locked; can repeat.
    #[arg(long, value_name = "NAME")]
    lockable_bucket: Vec<String>,
    /// Access key id.
    #[arg(long, default_value = "s3-sim", value_name = "ID")]
    access_key: String,
    /// Secret access key.
    #[arg(long, default_value = "s3-sim-secret", value_name = "KEY")]
    secret_key: String,
    /// What the key may do.
    #[arg(long, value_enum, default_value = "full", value_name = "POLICY")]
    policy: Allowed,
    /// Which store to be as strict as.
    #[arg(long, value_enum, default_value = "aws", value_name = "STORE")]
    like: Store,
    /// Make requests meet a fault: UploadPart#2*1=503:SlowDown, PutObject=lost, GetObject=drip:20;
    /// can repeat.
    #[arg(long, value_name = "OPERATION[#PART][*TIMES]=EFFECT")]
    fault: Vec<Fault>,
    /// End when stdin does.
    #[arg(long)]
    until_stdin_closes: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Allowed {
    Full,
    WriteOnly,
    ReadOnly,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Store {
    Aws,
    B2,
    R2,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("s3-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let until_stdin_closes = cli.until_stdin_closes;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = start(cli)?;
        println!(
            "{}",
            serde_json::json!({ "endpoint": server.endpoint(), "pid": std::process::id() })
        );
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_closes(), if until_stdin_closes => {}
        }
        Ok(())
    })
}

fn start(cli: Cli) -> std::io::Result<S3Sim> {
    let policy = match cli.policy {
        Allowed::Full => Policy::full(),
        Allowed::WriteOnly => Policy::write_only(),
        Allowed::ReadOnly => Policy::read_only(),
    };
    let rules = match cli.like {
        Store::Aws => Rules::aws(),
        Store::B2 => Rules::b2(),
        Store::R2 => Rules::r2(),
    };
    let mut builder = S3Sim::builder().listen(cli.listen).rules(rules).restricted(
        &cli.access_key,
        &cli.secret_key,
        policy,
    );
    for name in &cli.bucket {
        builder = builder.bucket(name);
    }
    for name in &cli.versioned_bucket {
        builder = builder.versioned_bucket(name);
    }
    for name in &cli.lockable_bucket {
        builder = builder.lockable_bucket(name);
    }
    let server = builder.try_start()?;
    cli.fault.into_iter().for_each(|fault| server.inject(fault));
    Ok(server)
}

/// On a thread of its own: reading stdin blocks, and must not keep the program from ending.
async fn stdin_closes() {
    let (closed, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).ok();
        closed.send(()).ok();
    });
    ended.await.ok();
}

//! `make bench`: the claims about speed, memory and size, each measured beside what it is
//! compared with, in one run. Prints PASS or FAIL for every claim, writes the report, and
//! fails when a claim does.
//!
//! The machine is shared and noisy: what is compared is measured in turns, several times, and
//! the best of each counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks, and stops at the first surprise with its reason"
)]

mod claims;
mod cold;
mod data;
mod inspect;
mod listing;
mod machine;
mod measured;
mod memory;
mod pipeline;
mod processes;
mod report;
mod sink;
mod stages;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use data::Size;

/// Measures every claim and writes the report.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Bytes of the pipeline's snapshot
    #[arg(long, default_value = "1GiB")]
    size: Size,
    /// Turns of the pipeline and of all it is compared with
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// Sizes of the snapshots whose backup's memory is measured
    #[arg(long, value_delimiter = ',', default_value = "256MiB,1GiB,4GiB")]
    memory: Vec<Size>,
    /// Objects of the bucket that is listed and pruned
    #[arg(long, default_value_t = 100_000)]
    objects: usize,
    /// Objects of the one whose listing's memory is measured
    #[arg(long, default_value_t = 1_000_000)]
    many_objects: usize,
    /// Measure only this
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Where the report goes; without it only the claims are printed
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Pipeline, stages, shell pipeline.
    Pipeline,
    /// Peak memory.
    Memory,
    /// What looks into a snapshot.
    Inspect,
    /// Lists and plans over a long history.
    Listing,
    /// Cold start and sizes.
    Programs,
}

/// What `bench` does in processes of its own.
#[derive(Debug, Subcommand)]
enum Role {
    /// Serves S3 until stdin closes.
    S3(sink::Sink),
    /// Runs a program and prints what it took.
    Measured(measured::Wrapper),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.role {
        Some(Role::S3(sink)) => sink.serve(),
        Some(Role::Measured(wrapper)) => wrapper.run(),
        None => measure(&cli),
    }
}

fn measure(cli: &Cli) -> ExitCode {
    let wanted = |part| cli.only.is_empty() || cli.only.contains(&part);
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("one TLS provider");
    let mut report = report::Report::default();
    if wanted(Part::Programs) {
        report.programs = Some(cold::measure());
    }
    if wanted(Part::Pipeline) {
        report.pipeline = Some(pipeline::measure(cli.size, cli.turns));
    }
    if wanted(Part::Inspect) {
        report.inspect = Some(inspect::measure(cli.size, cli.turns));
    }
    if wanted(Part::Listing) {
        report.listing = Some(listing::measure(cli.objects, cli.many_objects));
    }
    if wanted(Part::Memory) {
        report.memory = Some(memory::measure(&cli.memory));
    }
    let claims = report.claims();
    for claim in &claims {
        println!("{claim}");
    }
    if let Some(path) = &cli.report {
        std::fs::write(path, report.markdown(&claims)).expect("a written report");
    }
    if claims.iter().all(|claim| claim.holds) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

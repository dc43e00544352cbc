# The README's two commands are `make demo` and `make test`.
SHELL := /bin/bash
# What incremental builds keep fills gigabytes of a small disk and is read once by `make`;
# who edits and builds over and over says CARGO_INCREMENTAL=1.
export CARGO_INCREMENTAL ?= 0
# Without what only tests switch on.
release = cargo build --locked --release --workspace --exclude interop --bins
.PHONY: demo test fuzz lint interop from-source bench build tools kubernetes documents dist krew-index

build: ; cargo build --locked --workspace --bins
tools: ; tests/tools/fetch

# The whole path for the eye: simulated Talos with a real etcd, S3 on loopback.
demo: build
	tests/tools/fetch etcd-3.5 age
	$${CARGO_TARGET_DIR:-target}/debug/demo

test: build
	tests/tools/fetch
	cargo test --locked --workspace --no-fail-fast
	$${CARGO_TARGET_DIR:-target}/debug/damage

# Other makers' programs and libraries against ours; needs Go.
interop: build
	tests/tools/fetch etcd-3.5 age kubectl aws shellcheck
	tests/interop/build
	cargo test --locked --workspace --features interop/go --no-fail-fast --test interop

# `cargo install` as docs/install-programs.md prints it, from a GitHub on loopback. A step of
# RELEASING.md and none of `.ci/run`: it builds three programs from nothing.
from-source: build
	cargo test --locked --workspace --features interop/go --test interop -- --ignored cargo::

# Every parser of foreign bytes, a fixed number of inputs; needs g++.
fuzz:
	tests/fuzz/run

lint:
	cargo fmt --all --check
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
	tests/tools/fetch codespell shellcheck
	target/tools/codespell/codespell
	target/tools/shellcheck/shellcheck $$(git grep -lE '^#!.*\b(ba|da)?sh$$')
	cargo clippy --locked --workspace --all-targets --features interop/go -- -D warnings
	@rows="$$(cargo tree --locked -e normal,build,dev --target all -i ring 2>/dev/null)"; \
	if [ -n "$$rows" ]; then echo "a second TLS provider:"; echo "$$rows"; exit 1; fi

# Claims about speed, memory and size, each beside its baseline: PASS or FAIL, and the report.
# Takes a while, most of it the first build and the first filling of a real etcd.
bench:
	$(release)
	tests/tools/fetch etcd-3.5 age aws
	$${CARGO_TARGET_DIR:-target}/release/bench --report docs/benchmarks.md

# What `kubectl apply -k kubernetes/backups/talos` takes is what the program prints.
kubernetes: build
	rm -rf kubernetes/backups/talos
	$${CARGO_TARGET_DIR:-target}/debug/kubectl-etcdbackup manifests --unfilled --out kubernetes/backups/talos

# Completions, man pages and the reference, as the programs themselves print them.
documents: build
	docs/generate $${CARGO_TARGET_DIR:-target}/debug .

# Archives of this machine's target, their digests, and the krew manifests that name them.
dist:
	$(release)
	rm -rf target/dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $${CARGO_TARGET_DIR:-target}/release/dist archive \
	  --target $$(rustc -vV | sed -n 's/^host: //p') --programs $${CARGO_TARGET_DIR:-target}/release
	$${CARGO_TARGET_DIR:-target}/release/dist manifests

# The layout of a custom krew index, of what `make dist` wrote.
krew-index: dist
	$${CARGO_TARGET_DIR:-target}/release/dist index

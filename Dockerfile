# The image of the suite: nothing but the programs, their libraries and certificate authorities.
#
#   docker build -t etcdbackup .
#   docker run --rm etcdbackup talosctl-snapshot-inspect --help
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
ARG ETCDBACKUP_COMMIT
RUN cargo build --locked --release --workspace --exclude interop --bins && image/rootfs target/release /rootfs

FROM scratch
COPY --from=build /rootfs /
ENV PATH=/usr/local/bin
USER 65532:65532
# Any program of the suite may take its place; a CronJob names its own command.
CMD ["kubectl-etcdbackup", "now", "--direct"]

# One file for all services: `--target auth-server`, `--target api-a`, `--target api-a2`,
# `--target api-b`, `--target api-c`.

FROM rust:1-slim-bookworm AS builder
# gcc builds SQLite, libpq and AWS-LC; OpenSSL is libpq's, for `sslmode=verify-full`.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc g++ libc6-dev make pkg-config libssl-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
ARG PROFILE=release
# The caches outlive this step; the binaries must be copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --profile "$PROFILE" -p auth-server -p api-a -p api-b \
 && mkdir /out \
 && cp "target/$PROFILE/auth-server" "target/$PROFILE/api-a" "target/$PROFILE/api-b" /out/

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin deputy \
 && install -d -o deputy -g deputy -m 0700 /data
USER 10001:10001
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM

FROM runtime AS auth-server
COPY --from=builder /out/auth-server /usr/local/bin/auth-server
COPY demo/auth-server.toml /etc/deputy/auth-server.toml
ENV AUTH_SERVER_CONFIG=/etc/deputy/auth-server.toml \
    AUTH_SERVER_LISTEN=0.0.0.0:9000 \
    AUTH_SERVER_DATABASE__URL=sqlite:///data/auth-server.sqlite
EXPOSE 9000
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s --retries=5 CMD ["auth-server", "healthcheck"]
ENTRYPOINT ["auth-server"]

FROM runtime AS api-a
COPY --from=builder /out/api-a /usr/local/bin/api-a
COPY demo/api-a.toml /etc/deputy/api-a.toml
ENV API_A_CONFIG=/etc/deputy/api-a.toml \
    API_A_LISTEN=0.0.0.0:9001 \
    API_A_DATABASE__URL=sqlite:///data/api-a.sqlite
EXPOSE 9001
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s --retries=5 CMD ["api-a", "healthcheck"]
ENTRYPOINT ["api-a"]

# The second API of a longer chain: the same binary, with a configuration of its own.
FROM api-a AS api-a2
COPY demo/api-a2.toml /etc/deputy/api-a2.toml
ENV API_A_CONFIG=/etc/deputy/api-a2.toml \
    API_A_LISTEN=0.0.0.0:9004 \
    API_A_DATABASE__URL=sqlite:///data/api-a2.sqlite
EXPOSE 9004

FROM runtime AS api-b
COPY --from=builder /out/api-b /usr/local/bin/api-b
COPY demo/api-b.toml /etc/deputy/api-b.toml
ENV API_B_CONFIG=/etc/deputy/api-b.toml \
    API_B_LISTEN=0.0.0.0:9002 \
    API_B_DATABASE__URL=sqlite:///data/api-b.sqlite
EXPOSE 9002
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s --retries=5 CMD ["api-b", "healthcheck"]
ENTRYPOINT ["api-b"]

# The archive of the demo world: the same binary, with a configuration of its own.
FROM api-b AS api-c
COPY demo/api-c.toml /etc/deputy/api-c.toml
ENV API_B_CONFIG=/etc/deputy/api-c.toml \
    API_B_LISTEN=0.0.0.0:9003 \
    API_B_DATABASE__URL=sqlite:///data/api-c.sqlite
EXPOSE 9003

# syntax=docker/dockerfile:1
# The server, its page and its feeds in one small image.

# Node builds the trading page; only its program and npm are taken from here.
FROM node:24-bookworm-slim AS node

FROM rust:1.95-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# An image without the page would be a surprise: fail rather than leave it out.
ENV TICKCAST_PAGE=require
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release && cp target/release/tickcast /usr/local/bin/tickcast

FROM debian:bookworm-slim
# The certificates of public authorities, for Kafka over TLS.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tickcast
COPY --from=build /usr/local/bin/tickcast /usr/local/bin/tickcast
USER tickcast
EXPOSE 8080
# In a container loopback is of no use to anyone; every other setting has the program's default.
ENV TICKCAST_LISTEN=0.0.0.0:8080
ENTRYPOINT ["tickcast"]
CMD ["serve"]

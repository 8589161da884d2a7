# One build, an image for every stage (`--target detector` …) with that stage's own binary, and one with everything and the
# command line (`cortex`, the last). GStreamer is only in the two that open cameras, models only where they run.
# No version of a package is pinned: Debian's mirrors drop the old one with every security fix.
# hadolint global ignore=DL3008
ARG DEBIAN=bookworm

# The same set-up as on any Debian 12: packages, ONNX Runtime, the page.
FROM rust:1.92-${DEBIAN} AS build
ENV CORTEX_HOME=/opt/cortex CARGO_TARGET_DIR=/target
WORKDIR /src
COPY . .
RUN scripts/setup.sh && cargo build --release --locked --package cortex --package cortex-ingest \
        --package cortex-detector --package cortex-recognizer --package cortex-cloaker --package cortex-alerter

# `openssl` asks for health in compose.yaml.
FROM debian:${DEBIAN}-slim AS base
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates libssl3 openssl zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --home-dir /var/lib/cortex cortex
ENV CORTEX_HOME=/opt/cortex \
    CORTEX__DATA__DIR=/var/lib/cortex \
    CORTEX__INFER__MODELS=/usr/share/cortex/models \
    CORTEX_CONFIG=/etc/cortex/cortex.toml
USER 10001:10001
EXPOSE 8080

FROM base AS alerter
COPY --from=build /target/release/cortex-alerter /usr/local/bin/
ENTRYPOINT ["cortex-alerter"]

FROM base AS models
COPY --from=build /src/models/files /usr/share/cortex/models
COPY --from=build /opt/cortex/onnxruntime /opt/cortex/onnxruntime

FROM models AS detector
COPY --from=build /target/release/cortex-detector /usr/local/bin/
ENTRYPOINT ["cortex-detector"]

FROM models AS recognizer
COPY --from=build /target/release/cortex-recognizer /usr/local/bin/
ENTRYPOINT ["cortex-recognizer"]

FROM models AS cloaker
COPY --from=build /target/release/cortex-cloaker /usr/local/bin/
ENTRYPOINT ["cortex-cloaker"]

FROM base AS cameras
USER 0
RUN apt-get update && apt-get install --yes --no-install-recommends \
        libgstreamer1.0-0 libgstreamer-plugins-base1.0-0 libgstrtspserver-1.0-0 \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001

FROM cameras AS ingest
COPY --from=build /target/release/cortex-ingest /usr/local/bin/
ENTRYPOINT ["cortex-ingest"]

FROM cameras AS cortex
COPY --from=models /usr/share/cortex/models /usr/share/cortex/models
COPY --from=models /opt/cortex/onnxruntime /opt/cortex/onnxruntime
COPY --from=build /target/release/cortex /usr/local/bin/
ENTRYPOINT ["cortex"]
CMD ["up"]

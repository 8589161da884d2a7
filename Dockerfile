# One build, an image for every stage (`--target detector` …) and one that runs everything in one process (`cortex`).
# Pictures of cameras need GStreamer, and so far one binary is all stages, so every image has its libraries; only those
# that open cameras have its plugins.
ARG DEBIAN=bookworm

# The same set-up as on any Debian 12: packages, ONNX Runtime, the page.
FROM rust:1.92-${DEBIAN} AS build
ENV CORTEX_HOME=/opt/cortex CARGO_TARGET_DIR=/target
WORKDIR /src
COPY . .
RUN scripts/setup.sh && cargo build --release --locked --package cortex

FROM debian:${DEBIAN}-slim AS base
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends \
        ca-certificates libssl3 zlib1g libgstreamer1.0-0 libgstreamer-plugins-base1.0-0 libgstrtspserver-1.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --home-dir /var/lib/cortex cortex
COPY --from=build /target/release/cortex /usr/local/bin/cortex
COPY --from=build /src/models/files /usr/share/cortex/models
COPY --from=build /opt/cortex/onnxruntime /opt/cortex/onnxruntime
ENV CORTEX_HOME=/opt/cortex \
    CORTEX__DATA__DIR=/var/lib/cortex \
    CORTEX__INFER__MODELS=/usr/share/cortex/models \
    CORTEX_CONFIG=/etc/cortex/cortex.toml
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["cortex"]

FROM base AS detector
CMD ["detector"]

FROM base AS recognizer
CMD ["recognizer"]

FROM base AS cloaker
CMD ["cloaker"]

FROM base AS alerter
CMD ["alerter"]

FROM base AS cameras
# hadolint ignore=DL3066
USER root
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001

FROM cameras AS ingest
CMD ["ingest"]

FROM cameras AS cortex
CMD ["up"]

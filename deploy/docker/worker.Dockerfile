# syntax=docker/dockerfile:1
# A worker with faster-whisper, from the npm package:
#
#   npm run package && docker build -f deploy/docker/worker.Dockerfile -t transcription-worker \
#     --build-arg BASE=nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04 dist
#
# Without BASE it transcribes on the CPU. Models are downloaded into the volume /models when they are first used.
ARG NODE=node:26-bookworm-slim
ARG BASE=debian:bookworm-slim

FROM ${NODE} AS build
WORKDIR /opt/tmon
COPY transcription-monitor-*.tgz /tmp/package/
RUN npm install --prefix /opt/tmon --omit=dev --ignore-scripts --no-audit --no-fund /tmp/package/*.tgz

FROM ${BASE}
ARG FASTER_WHISPER=1.2.1
# The engine's processes need a parent that collects the ended ones: tini.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg libatomic1 libstdc++6 python3 python3-venv tini \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/engine \
 && /opt/engine/bin/pip install --no-cache-dir "faster-whisper==${FASTER_WHISPER}"
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /opt/tmon /opt/tmon
RUN ln -s /opt/tmon/node_modules/.bin/tmon /usr/local/bin/tmon \
 && install -d -o 1000 -g 1000 /models
ENV NODE_ENV=production \
    TMON_SERVER=http://monitor:8080 \
    TMON_ENGINE="faster-whisper?python=/opt/engine/bin/python&model=base" \
    HF_HOME=/models \
    XDG_CACHE_HOME=/tmp/cache
USER 1000:1000
WORKDIR /tmp
VOLUME /models
# SIGTERM finishes the job at hand: give `docker stop --time` as long as a job takes. A second one hands it back.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "tmon"]
CMD ["worker"]

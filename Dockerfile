# segmake at the versions of requirements.lock:  docker build -t segmake .
# Runs as nobody in particular; the workflow itself lies in /opt/workflow. See docs/cluster.md.
ARG BASE=python:3.11.10-slim-bookworm@sha256:5148c0e4bbb64271bca1d3322360ebf4bfb7564507ae32dd639322e4952a6b16

FROM ${BASE} AS installed
# Compiled modules are then checked by their source's hash, not its time: the same lock makes the same files.
ENV SOURCE_DATE_EPOCH=0
COPY . /opt/workflow
RUN /opt/workflow/workflow/envs/install.sh /opt/segmake slurm

FROM ${BASE}
COPY --from=installed /opt/segmake /opt/segmake
COPY . /opt/workflow
# An unnamed user has no home, and may not be asked its name (torch does).
ENV PATH=/opt/segmake/bin:${PATH} PYTHONNOUSERSITE=1 HOME=/tmp USER=segmake
USER 1000:1000
WORKDIR /work
CMD ["segmake", "--help"]

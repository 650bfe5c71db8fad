# Two images: --target=pipeline is the Flex Template's launcher and Dataflow's worker in one, --target=generator the
# simulated shop. docs/adr/0012 says why they are made like this.

# Tags, not digests: nobody has looked the digests up yet. `docker buildx imagetools inspect TAG` tells them.
FROM apache/beam_python3.11_sdk:2.77.0 AS beam
FROM gcr.io/dataflow-templates-base/python311-template-launcher-base:20240812-rc01 AS launcher

FROM python:3.11.13-slim-bookworm AS python
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1

FROM python AS wheel
WORKDIR /source
# The build backend alone, in the version that dev.txt pins.
COPY requirements/dev.txt requirements/
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements/dev.txt > build.txt \
    && pip install --require-hashes --requirement build.txt
COPY pyproject.toml README.md schemas.json ./
COPY pipeline pipeline
COPY generator generator
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python AS pipeline
COPY --from=beam /opt/apache/beam /opt/apache/beam
COPY --from=launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
# From what changes seldom to what changes always, so that a new version of ours is a small layer.
COPY requirements/worker.txt /template/
RUN pip install --require-hashes --requirement /template/worker.txt
COPY --from=wheel /wheels /template/wheels
RUN pip install --no-deps /template/wheels/*.whl && pip check
COPY deploy/main.py /template/main.py
# No requirements file and no setup file for the launcher: nothing is installed when a job starts.
# The workers use the packages above as they are, and make no virtual environment of their own.
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/template/main.py \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
# The image's own name, which the launcher passes on to the workers.
ARG IMAGE
ARG VERSION=unknown
ENV PIPELINE_IMAGE=${IMAGE}
LABEL org.opencontainers.image.title="E-commerce event pipeline" \
      org.opencontainers.image.description="Dataflow Flex Template: launcher and worker" \
      org.opencontainers.image.version=${VERSION}
WORKDIR /template
# Root: the launcher opens /var/log/dataflow, and Dataflow mounts the worker's folders under /var/opt as root's.
USER root
# Dataflow replaces it by the launcher on the machine that launches.
ENTRYPOINT ["/opt/apache/beam/boot"]

FROM python AS generator
COPY requirements/generator.txt /generator/
RUN pip install --require-hashes --requirement /generator/generator.txt
COPY --from=wheel /wheels /generator/wheels
# Without its dependencies: the generator uses the contract alone, and needs no Beam.
RUN pip install --no-deps /generator/wheels/*.whl
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Simulated shop" \
      org.opencontainers.image.description="Publishes the events of a simulated shop" \
      org.opencontainers.image.version=${VERSION}
WORKDIR /tmp
USER 65532:65532
ENTRYPOINT ["python", "-m", "generator"]
CMD ["--help"]

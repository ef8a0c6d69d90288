# The gateway as a container image: a wheel built from this tree, with the locked dependencies, run by uid 10001.
# `make image` builds it; `make image-test` checks what it promises. The root file system may be read-only.
# A configuration is mounted on /etc/ocpi-gateway/config.yaml; without one it starts on config.example.yaml.

FROM python:3.11-slim-bookworm AS base

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/build.lock requirements/runtime.lock requirements/
RUN python -m venv /opt/build \
    && python -m venv --without-pip /opt/gateway \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.lock \
    && /opt/build/bin/pip --python /opt/gateway/bin/python install --require-hashes -r requirements/runtime.lock
COPY pyproject.toml README.md LICENSE CHANGELOG.md config.example.yaml ./
COPY migrations migrations
COPY gateway gateway
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/build/bin/pip --python /opt/gateway/bin/python install --no-deps /wheels/*.whl

FROM base
LABEL org.opencontainers.image.title="OCPI Gateway" \
      org.opencontainers.image.description="A reverse proxy that gives a legacy charge point operator system the OCPI front it lacks" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin gateway \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/gateway /opt/gateway
COPY config.example.yaml /etc/ocpi-gateway/config.yaml
ENV PATH=/opt/gateway/bin:$PATH \
    OCPI_GATEWAY_CONFIG=/etc/ocpi-gateway/config.yaml
# The base has no bytecode of the standard library, and nothing can be written later: compile what the gateway loads.
RUN python -c 'import gateway.app, gateway.cli'
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Relative paths in the configuration (sqlite:///data/gateway.db) lead into the volume.
WORKDIR /
VOLUME /data
USER 10001:10001
EXPOSE 8080 8081 8082 8083
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["ocpi-gateway", "healthcheck"]
ENTRYPOINT ["ocpi-gateway"]
CMD ["run"]

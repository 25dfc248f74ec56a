# One image a function: docker build --build-arg FUNCTION=route --build-arg BASE=python:3.11-slim@sha256:… -t ims/route:0.1.0 .
# The pipeline gives BASE by digest. All functions share every layer but the last two.
ARG BASE=python:3.11-slim

FROM ${BASE} AS dependencies
COPY docker/requirements.lock /build/requirements.lock
RUN python -m venv --without-pip /opt/ims
RUN python -m pip --python /opt/ims/bin/python install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --no-binary dkimpy,http-ece -r /build/requirements.lock

FROM ${BASE}
LABEL org.opencontainers.image.title="IMS function" org.opencontainers.image.licenses="Apache-2.0"
# Docker Hub's Python comes without the bytecode of its own library: each start would compile it, half a second of CPU.
RUN python -m compileall -q --invalidation-mode unchecked-hash -x '/(site-packages|idlelib|lib2to3|tests?|tkinter)/' "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=dependencies /opt/ims /opt/ims
WORKDIR /app
COPY shared/ shared/
RUN /opt/ims/bin/python -m compileall -q --invalidation-mode unchecked-hash shared
ENV PATH=/opt/ims/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 PORT=8080
ARG FUNCTION
ENV IMS_FUNCTION=${FUNCTION}
COPY functions/${FUNCTION}/ functions/${FUNCTION}/
# The console's pages are built before: make console.
RUN test "${FUNCTION}" != console || test -f functions/console/dist/index.html
RUN test -f functions/${FUNCTION}/main.py && /opt/ims/bin/python -m compileall -q --invalidation-mode unchecked-hash functions
EXPOSE 8080
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/ims/bin/python", "-m", "shared.runtime"]

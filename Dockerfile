# The Python that the tests run on. The same image serves every service: docker run redline fetcher.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/redline
# Before the code, so that a change of code does not install the dependencies again.
COPY requirements.lock ./
RUN /opt/redline/bin/pip install --require-hashes --requirement requirements.lock
COPY LICENSE README.md pyproject.toml ./
COPY alerts ./alerts
COPY schemas ./schemas
COPY seeds ./seeds
COPY services ./services
RUN /opt/redline/bin/pip install --no-deps --no-build-isolation .

FROM python:${PYTHON}
RUN groupadd --gid 10001 redline \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin redline \
 && install --directory --mode=0700 --owner=redline --group=redline /data
COPY --from=build /opt/redline /opt/redline
WORKDIR /app
COPY seeds ./seeds
ENV PATH=/opt/redline/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REDLINE_DATA_DIR=/data
VOLUME /data
USER 10001:10001
# Says whether this container reaches its broker and its store with the settings it has.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=3 CMD ["redline", "doctor"]
ENTRYPOINT ["redline"]
CMD ["up"]

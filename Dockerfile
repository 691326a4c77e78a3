# One image for everything that is deployed: the steps, Airflow's services, MLflow. infra/ says what runs in it.
#
#   docker build -t headroom .
#   docker run --rm headroom python -m pipeline --help
#
# A tag may change what it means. Where it must not, name the base by its digest: --build-arg PYTHON_TAG=3.11-slim@sha256:…
ARG PYTHON_TAG=3.11-slim

FROM python:${PYTHON_TAG} AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /build
COPY requirements.txt ./
COPY infra/requirements.txt ./infra/
# Compiled once here: at run time nobody may write beside the sources.
RUN /opt/venv/bin/pip install --compile --require-hashes -r requirements.txt -r infra/requirements.txt

FROM python:${PYTHON_TAG}

# LightGBM's threads.
RUN apt-get update \
    && apt-get install --no-install-recommends --yes libgomp1 \
    && rm -rf /var/lib/apt/lists/*

# Fargate gives a volume the owner that its folder has here.
RUN groupadd --gid 10001 headroom \
    && useradd --uid 10001 --gid 10001 --home-dir /var/headroom --no-create-home --shell /usr/sbin/nologin headroom \
    && install --directory --owner=10001 --group=10001 --mode=0750 /var/headroom

COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/headroom
COPY pipeline/ pipeline/
COPY dags/ dags/
COPY sql/ sql/
COPY expectations/ expectations/
COPY infra/airflow/ infra/airflow/
COPY infra/mlflow/ infra/mlflow/
COPY NOTICE ./
RUN /opt/venv/bin/python -m compileall -q pipeline dags infra

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/headroom:/opt/headroom/infra/airflow \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HEADROOM_HOME=/var/headroom \
    HOME=/var/headroom \
    AIRFLOW_HOME=/var/headroom/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/headroom/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/headroom/infra/airflow \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false

VOLUME ["/var/headroom", "/tmp"]
USER 10001:10001

# Services tell ECS by themselves whether they live; a step lives as long as its process.
HEALTHCHECK NONE

CMD ["python", "-m", "pipeline", "--help"]

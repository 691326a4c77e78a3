# Headroom. `make help` lists what there is.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || echo python3)
UV_VERSION := 0.13.8
# Needed by `make mutants` alone, which installs them.
COSMIC_RAY_VERSION := 8.7.0
COVERAGE_VERSION := 7.17.5
SAMPLE ?= 500
SEED ?= 1
KILLS ?= 204
FULL ?= 32
STEPS ?=
AIRFLOW_PORT ?= 8080
MLFLOW_PORT ?= 5000
# Not empty: `make up` also runs the DAGs by the clock.
SCHEDULE ?=
# One more than the cores of a small machine: each lists all tests and imports everything anew.
JOBS ?= 3
# Twice the cores: these wait for servers most of their time.
SYSTEM_JOBS ?= 4

# Of `make test-trino`: random inputs per SQL file, and the first of them.
INPUTS ?= 20
export INPUTS
FIRST_INPUT ?= 0
export FIRST_INPUT
TRINO_TESTS := $(addprefix tests/integration/, test_athena_sql.py test_athena.py test_demo_on_trino.py test_differential.py)

BIN := .venv/bin
INSTALLED := .venv/installed
# No lock names where packages come from.
COMPILED := --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header

# There are more tests at once than cores: threads of linear algebra would wait for each other, and waiting takes half their time.
tests serverless test-system: export OMP_NUM_THREADS = 1

# Without .pyc files every import costs two to three times as much.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-aws-local test test-system trino test-trino check lint up bench bench-forecast bench-cost bench-billing bench-anomaly bench-cost-anomalies bench-budgets bench-features bench-clusters bench-savings bench-realised bench-monitor bench-alerts mutants crash fix lock
# Parts of these.
.PHONY: style types tests serverless

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Create .venv from requirements.txt and requirements-dev.txt

$(INSTALLED): requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.txt -r requirements-dev.txt
	@touch $@

demo: setup ## Run the main job on the samples, through the real DAGs, and show what it found
	@$(BIN)/python -m tools.demo

demo-aws-local: setup ## The same on S3, Glue and Athena on loopback, beside the embedded run (TRINO=1: on a real one; TERRAFORM=1)
	@$(BIN)/python -m tools.demo_aws_local

test: setup style ## Lint, types, Terraform's format and every test but those of the whole product and of dear servers
	@$(MAKE) --no-print-directory -j 2 types tests

# mypy keeps one core busy for a minute where it begins from nothing: the tests begin beside it.
tests:
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not system"

test-system: setup ## The whole product for minutes: what README says, Airflow's scheduler, make itself, what Terraform makes on loopback, every SQL file through Athena, servers that cost seconds
	$(BIN)/python -m pytest -n $(SYSTEM_JOBS) --dist loadfile --no-loadscope-reorder -m system

trino: setup ## Trino, the engine that Athena is, into a cache folder (from TRINO_HOME, else by Maven; needs Java 24)
	@$(BIN)/python -m tools.trino

test-trino: setup ## The SQL on that Trino: every golden case, Athena's API, and random inputs beside the embedded engine (INPUTS=20 FIRST_INPUT=0)
	@echo "$(INPUTS) random inputs from $(FIRST_INPUT) on for each of $(words $(wildcard sql/*/*.sql)) files"
	@$(BIN)/python -m tools.trino $(BIN)/python -m pytest -n 3 --dist worksteal $(TRINO_TESTS)

check: setup style ## Before a commit: lint, types, and the tests that start no server (9 minutes on 2 cores)
	@$(MAKE) --no-print-directory -j 2 types serverless

serverless:
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests/test_architecture.py tests/unit tests/contract tests/sql

lint: setup style types ## The first part of both: ruff, mypy, terraform fmt

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if command -v terraform > /dev/null; then echo "terraform fmt -check -recursive infra"; terraform fmt -check -recursive infra; \
	else echo "terraform is not installed: infra/ is not checked"; fi

types:
	$(BIN)/mypy --strict pipeline dags tools infra/airflow

up: setup ## Airflow and MLflow in the browser (AIRFLOW_PORT=8080 MLFLOW_PORT=5000, SCHEDULE=1 runs by the clock), until Ctrl-C
	@$(BIN)/python -m tools.up --airflow-port $(AIRFLOW_PORT) --mlflow-port $(MLFLOW_PORT) $(if $(SCHEDULE),--schedule)

bench: setup ## Time and memory of the main job on the reference fleet; what its queries and views of cost open at 30 and 54 months
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_history

bench-forecast: setup ## Accuracy, coverage and CPU of the forecasters beside their bars; risk on fleets never tuned on (7 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python tools/bench_forecast.py tests/data/traces --scale --fleet
	@OMP_NUM_THREADS=1 $(BIN)/python tools/bench_risk.py --seeds 51,52,53,54,55,56

bench-cost: setup ## The cost forecast by the day and by the month, on real projects and made-up estates, beside Prophet and seasonal naive
	@OMP_NUM_THREADS=1 $(BIN)/python tools/bench_cost.py tests/data/traces --prophet --estates 4

bench-billing: setup ## A bill of 1 and of 10 million lines, from a Data Export of 40 files to cost by team: CPU and memory beside the bars (10 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_billing

bench-anomaly: setup ## How well each detector finds what people labelled on two public sets and what was put into made-up series
	@$(BIN)/python -m tools.bench_anomaly
	@$(BIN)/python -m tools.bench_confidence
	@$(BIN)/python -m tools.bench_injection --kinds
	@$(BIN)/python -m tools.bench_rivals
	@$(BIN)/python -m tools.bench_fleet --rivals
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_members
	@$(BIN)/python -m tools.bench_joint

bench-cost-anomalies: setup ## How well events of made-up bills are found and explained, beside two rules that many use (1 minute)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_cost_anomalies

bench-clusters: setup ## Whether clusters of resources are the archetypes of the realistic fleet (2 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_clusters

bench-budgets: setup ## Whether the chance that a budget is exceeded is what happens, on the bills of 20 made-up estates (2 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_budgets

bench-features: setup ## Time and memory of the 368 features of 175,320 rows beside their bars, and beside plain pandas
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_features

bench-savings: setup ## What commitments would have saved on real cost by the day, and how often they would have lost, beside the bars
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_savings
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_sizing

bench-monitor: setup ## What a run of the DAG monitor takes, first and later ones, on a lake of 30 days (an hour; `ARGS="--runs 20"` is less)
	@OMP_NUM_THREADS=1 ARROW_DEFAULT_MEMORY_POOL=system MALLOC_ARENA_MAX=1 $(BIN)/python -m tools.bench_monitor $(ARGS)

bench-alerts: setup ## Who is told of which incident, and what is false, on the realistic fleet and real series (long; `ARGS="--only numenta"` is less)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_alerts $(ARGS)

bench-realised: setup ## What is said of 200 changes of known effect on made-up estates, beside what they really saved (4 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.bench_realised

mutants: setup ## Small faults put into the pure rooms and the steps: which does no test notice? (two hours; SAMPLE=500 SEED=1)
	$(BIN)/uv pip install --quiet --python $(BIN)/python cosmic-ray==$(COSMIC_RAY_VERSION) coverage==$(COVERAGE_VERSION)
	@nice $(BIN)/python -m tools.mutants --sample $(SAMPLE) --seed $(SEED)

crash: setup ## Kill a day's steps at 204 of their file operations and fill the disk at 32: is anything lost? (34 minutes of CPU; needs a C compiler; KILLS=204 FULL=32 STEPS=forecast,detect)
	@$(BIN)/python -m tools.crash --kills $(KILLS) --full $(FULL) --steps "$(STEPS)"

fix: setup ## Let ruff and terraform repair what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if command -v terraform > /dev/null; then terraform fmt -recursive infra; fi

lock: setup ## Resolve the files *.in into locks, with the hash of every file that may be installed
	$(BIN)/uv pip compile $(COMPILED) --upgrade requirements.in --output-file requirements.txt
	$(BIN)/uv pip compile $(COMPILED) --upgrade requirements-dev.in --output-file requirements-dev.txt
	$(BIN)/uv pip compile $(COMPILED) --upgrade infra/requirements.in --output-file infra/requirements.txt

# IMS: `make` shows what there is. All targets work on a bare Debian or Ubuntu; what is missing is installed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS := 2
AGAIN := 1
BESIDE := --dist loadscope --no-loadscope-reorder

.PHONY: help
help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Python environment with the locked packages

$(READY): requirements.lock pyproject.toml
	@bash local/bootstrap.sh $(VENV)
	@touch $@

.PHONY: demo
demo: setup ## start everything, send a real message through all of it, leave it running
	@$(BIN)/ims demo

.PHONY: up
up: setup ## start everything in the background
	@$(BIN)/ims up

.PHONY: down
down: setup ## stop everything that `make up` or `make demo` started
	@$(BIN)/ims down

.PHONY: status
status: setup ## every process with its health
	@$(BIN)/ims status

.PHONY: format
format: setup ## let ruff lay out the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: check
check: setup ## format, lint, types and the fast tests: what a contributor runs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest -q -n 4 $(BESIDE) tests/unit tests/contract tests/wiring

.PHONY: test
test: setup ## all tests, on real servers, two workers side by side; WORKERS=0 one test after the other
	@$(BIN)/pytest -n $(WORKERS) $(BESIDE) --reruns $(AGAIN) -r fER tests

.PHONY: console
console: setup ## build the console (make demo does so when its sources are newer)
	@$(BIN)/python -m local.pages

.PHONY: screenshots
screenshots: console ## pictures of every page into build/screenshots/; needs a running platform: make demo, ims demo data
	@cd console && PATH="$(CURDIR)/$(BIN):$$PATH" npx playwright test -c playwright.shots.config.ts

.PHONY: clients
clients: setup ## write the clients of clients/ from the OpenAPI document
	@$(BIN)/python -m local.clients

.PHONY: manifests
manifests: setup ## write knative/, stack.yml, stack.ce.yml and docker/requirements.lock from the map
	@$(BIN)/python -m deploy

.PHONY: test-manifests
test-manifests: setup ## images, manifests and OpenFaaS files, held against a real API server
	@$(BIN)/python -m pytest -q tests/manifests
	@$(BIN)/python -m deploy.accept

.PHONY: cluster
cluster: setup ## a real Kubernetes of one node with Knative and IMS on it; needs root, 45 minutes and 19 GB the first time
	@$(BIN)/python -m deploy.node up

.PHONY: test-cluster
test-cluster: cluster ## functions from zero, messages while their pods die: on the node of `make cluster`
	@IMS_TEST_CLUSTER=1 $(BIN)/pytest -q tests/cluster

.PHONY: cluster-down
cluster-down: setup ## stop and remove that cluster
	@$(BIN)/python -m deploy.node down

.PHONY: sbom
sbom: setup ## what IMS is made of, as CycloneDX, into build/sbom/
	@PYTHON=$(BIN)/python tools/pipeline/sbom.sh

.PHONY: bench
bench: setup ## measure, and write bench/results/
	@$(BIN)/python -m bench

.PHONY: docs
docs: setup ## write the generated documents anew: settings, errors, openapi, asyncapi, clients
	@$(BIN)/python -m local.docs
	@$(BIN)/python -m local.clients

.PHONY: lock
lock: setup ## write requirements.lock anew from pyproject.toml
	@$(BIN)/pip install -q --disable-pip-version-check uv
	@$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --upgrade \
	    --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock

.PHONY: clean
clean: setup ## stop the platform and remove its data, logs and keys (not the downloaded programs)
	@$(BIN)/ims down
	@[ ! -d .ims/cluster ] || $(BIN)/python -m deploy.node down
	@find .ims -mindepth 1 -maxdepth 1 ! -name dist -exec rm -rf {} +

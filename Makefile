# Everything a person runs. Needs make, Python 3.11+ and, for servers, the sandbox's packages:
# no Docker, no root. `make demo SIZE=100000` for a short demonstration.

PYTHON ?= python3
SIZE ?= 1000000
BENCH ?=
SERVERS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKING := $(VENV)/locking
ON_MARIADB := $(addprefix tests/,acceptance/test_cut_over.py acceptance/test_triggers.py \
  acceptance/test_crash.py acceptance/test_messages_twice.py \
  integration/copy integration/checksum integration/control integration/cutover)
SOURCES := pipeline tasks workers ops tranship tests

.DEFAULT_GOAL := help
# A worker starts in two thirds of the time when its modules are compiled already.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help venv demo demo-alter test test-long test-mariadb test-servers lint types check docs screenshots format lock bench dist clean

help:
	@echo "make demo [SIZE=1000000]  move a live table between two servers, compare both sides;"
	@echo "                          WAY_BACK=1: and roll it back"
	@echo "make demo-alter           rebuild a live table in place, compare it with what it was"
	@echo "make test                 the short tests (make test-long: the long ones; test-mariadb)"
	@echo "make test-servers         some of them on each version in docs/servers.md, where Docker is"
	@echo "make lint types           linters, mypy"
	@echo "make docs                 write the pages that come from code, tests and measurements"
	@echo "make screenshots          take the documentation's pictures of Flower, dashboard and terminal"
	@echo "make bench [BENCH=…]      measure, write docs/performance.md (hours; BENCH=--list: the rows)"
	@echo "make dist                 build the wheel (and, with Docker, the image) and try it out"
	@echo "make lock                 pin the dependencies again"
	@echo "make clean                stop the sandbox, remove everything that was made"

venv: $(STAMP)

# --without-pip would not do: pip comes from ensurepip, which Debian packages apart.
# --no-build-isolation: setuptools is pinned in the lock like everything else.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name it with: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python can't make environments: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	@$(BIN)/python -m ops.dev.demo --rows $(SIZE) $(if $(WAY_BACK),--way-back)

demo-alter: $(STAMP)
	@$(BIN)/python -m ops.dev.demo.alter --rows $(SIZE) $(if $(WAY_BACK),--way-back)

# Two at a time, each with servers of its own: most of the time is spent waiting.
test: $(STAMP)
	$(BIN)/pytest -m "not long" --numprocesses 2 --no-loadscope-reorder

test-long: $(STAMP)
	$(BIN)/pytest -m long

# The same cut-overs, crashes, races and triggers on MariaDB; but for alters, which it is refused.
test-mariadb: $(STAMP)
	TRANSHIP_TEST_FLAVOURS=mariadb,mariadb $(BIN)/pytest -m "not long" $(ON_MARIADB) \
	  --ignore-glob='*/test_alter_*.py'

# On the images that ops/dev/servers/images.py names, or on those in SERVERS.
test-servers: $(STAMP)
	@$(BIN)/python -m ops.dev.servers $(addprefix --image=,$(SERVERS)) $(ON_MARIADB)

lint: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports

types: $(STAMP)
	$(BIN)/mypy

check: lint types test

docs: $(STAMP)
	$(BIN)/python -m ops.dev.compatibility
	$(BIN)/python -m ops.dev.reference
	$(BIN)/python -m ops.dev.bench --render

screenshots: $(STAMP)
	mkdir -p docs/images
	TRANSHIP_SCREENSHOTS=$(CURDIR)/docs/images $(BIN)/pytest tests/acceptance/test_flower.py \
	  tests/acceptance/test_dashboard.py tests/acceptance/test_watching.py

format: $(STAMP)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# An environment of its own, so that pip-tools is no dependency of the project.
lock:
	$(PYTHON) -m venv $(LOCKING)
	$(LOCKING)/bin/pip install --quiet --disable-pip-version-check pip-tools
	$(LOCKING)/bin/pip-compile --quiet --upgrade --output-file requirements.lock pyproject.toml
	rm -rf $(LOCKING)

# BENCH="--rows copy,apply --rounds 3": some rows only; BENCH=--help: everything else.
bench: $(STAMP)
	@$(BIN)/python -m ops.dev.bench $(BENCH)

# The wheel, and its dependencies as the image takes them; then both as somebody else would use them.
dist: $(STAMP)
	rm -rf build dist
	$(BIN)/pip wheel --quiet --disable-pip-version-check --require-hashes -r requirements.lock \
	  --wheel-dir dist/dependencies
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --wheel-dir dist .
	rm -rf build
	$(BIN)/python -m ops.dev.tryout dist
	@if docker info >/dev/null 2>&1; \
	  then docker build --tag tranship --file compose/Dockerfile . && docker run --rm tranship --version; \
	  else echo "No Docker answers: the image is not built."; fi

clean:
	@test ! -x $(BIN)/python || $(BIN)/python -m ops.dev.sandbox clean
	rm -rf $(VENV) .sandbox build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

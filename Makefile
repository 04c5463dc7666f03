# Two commands do all the set-up: `make demo` and `make test`.
# Both use uv if it is there, else a virtual environment and pip.

# Compiled modules are kept: the tests start hundreds of processes, each of which would compile all.
# What is installed is compiled when it is imported: most of it never is.
unexport PYTHONDONTWRITEBYTECODE

ifneq ($(shell command -v uv 2>/dev/null),)
SETUP := .venv/.uv-stamp
TOOL = uv run --quiet --frozen $(1)
COVERED = uv run --quiet --frozen --with coverage $(1)
else
SETUP := .venv/.pip-stamp
TOOL = .venv/bin/$(1)
COVERED = .venv/bin/python -m pip install --quiet coverage && .venv/bin/$(1)
endif

.PHONY: help setup demo test check load lint types contracts docs bench bench-gate shape coverage crash chance laws golden clean postgres adapters packaging

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(SETUP)  ## install everything into .venv

.venv/.uv-stamp: pyproject.toml uv.lock
	uv sync --quiet --frozen
	@touch $@

.venv/.pip-stamp: pyproject.toml
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --no-compile --upgrade "pip>=25.1"
	.venv/bin/python -m pip install --quiet --no-compile --editable . --group dev
	@touch $@

demo: setup      ## the main job: a team that survives kill -9 (DIR=… surveys another directory)
	$(call TOOL,mentra) demo $(DIR)

test: setup      ## all tests, on all processors
	$(call TOOL,pytest) -q -n auto --dist worksteal

postgres: setup  ## the stores on PostgreSQL, on a server of its own
	.ci/with_postgres $(call TOOL,pytest) -q tests/conformance/test_sql_stores.py tests/unit/store/test_sql_*.py \
		tests/unit/store/test_petition_*.py tests/unit/runtime/test_petitions*.py tests/unit/cli/test_asking_a_server.py \
		tests/crash/test_petition_*.py

adapters:        ## the adapters of other frameworks against their contracts, in an environment of its own
	.ci/with_frameworks python -m pytest -q -p no:asyncio tests/adapters

packaging:       ## the wheel, its extras, its types and its tests on every Python, in empty environments
	python3 -m venv .nox/nox
	.nox/nox/bin/python -m pip install --quiet nox uv
	.nox/nox/bin/nox

check: lint types contracts docs test  ## what CI runs

lint: setup      ## ruff
	$(call TOOL,ruff) check .
	$(call TOOL,ruff) format --check .

types: setup     ## mypy strict
	$(call TOOL,mypy)
	$(call TOOL,mypy) tests/typing

contracts: setup ## import contracts
	$(call TOOL,lint-imports)

PURE_TESTS ?= tests/unit/domain tests/unit/projections tests/unit/testing tests/unit/evolution tests/golden tests/laws
BUILDER ?= html
docs: setup      ## the pages as a site in site/, strictly: a warning is an error
	$(call TOOL,sphinx-build) --quiet --fail-on-warning --keep-going -j 2 -b $(BUILDER) docs site

bench: setup     ## benchmarks (NAMES="deltas growth", QUICK=1; all of them), renders benchmarks/RESULTS.md
	$(call TOOL,python) -m benchmarks.run $(if $(QUICK),--quick) $(NAMES)

bench-gate: setup ## fails when a ratio to a floor has become several times worse (a minute)
	$(call TOOL,python) -m benchmarks.gate $(NAMES)

shape: setup     ## figures of the code (ACCEPT=1 writes them into docs/shape.md)
	$(call TOOL,python) tests/architecture/shape.py $(if $(ACCEPT),--accept)

coverage: setup  ## branches of the pure parts that no test takes
	$(call COVERED,python -m coverage) run -m pytest -q $(PURE_TESTS)
	$(call COVERED,python -m coverage) report

crash: setup     ## the long crash campaign: a kill at every append and around every effect
	MENTRA_CRASH_CAMPAIGN=full $(call TOOL,pytest) -q -m crash

CHANCE_TESTS = tests/crash tests/concurrency tests/unit tests/conformance tests/laws
chance: setup    ## tests where threads and wake-ups are late (SEED=17 TESTS=tests/crash); half an hour
	MENTRA_CHANCE=$(or $(SEED),$(strip $(shell od -An -N2 -tu2 /dev/urandom))) PYTHONPATH=tests/chance \
		$(call TOOL,pytest) -q -p chance_delays -n auto --dist worksteal --timeout 600 $(or $(TESTS),$(CHANCE_TESTS))

load: setup      ## what a gigabyte of output, hundreds of processes and full jobs do
	MENTRA_LOAD=1 $(call TOOL,pytest) -q -s -m load

laws: setup      ## the laws with many examples
	HYPOTHESIS_PROFILE=nightly $(call TOOL,pytest) -q tests/laws

golden: setup    ## rewrite the golden files; read the diff
	MENTRA_ACCEPT_GOLDEN=1 $(call TOOL,pytest) -q tests/golden tests/architecture/test_public_api.py tests/unit/adapters/test_framework_events.py

clean:           ## remove what the commands above made
	rm -rf .venv .venv-adapters .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .nox mentra-demo site docs/reference

# Everything runs from a virtual environment in .venv; only Python 3.11 or newer and make are needed, and a Chromium or
# Chrome for the tests of the console.
# Arguments pass through: make demo ARGS=--keep

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo up unit test uncached faults browser browser-deps soak drill canary dates coverage bench lint format docs hooks lock clean

PY := .venv/bin/python
LOCAL := .venv/.installed-local
DEV := .venv/.installed-dev
ARGS ?=
# Containers often ask Python to keep nothing it has compiled. Tests start many processes, and each would begin anew.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(PY) -m pytest --quiet --dist load --durations 25 --durations-min 1 -n
# A test with servers waits for them now and then. Many more at once would only make each of them late.
CORES := $(shell nproc)
MORE := $(shell echo $$((3 * $(CORES) / 2)))
GUARDS := -m "not soak and not browser and not faults" --hypothesis-profile ci

help:  ## show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(LOCAL)  ## play a PTSD and an anxiety journey, months long, on a local stack
	@$(PY) -m simulation.demonstration $(ARGS)

up: $(LOCAL)  ## start the local stack and leave it running until Ctrl-C
	@$(PY) -m simulation.up $(ARGS)

unit: $(DEV)  ## the quick tests that need no server and start no program
	@$(PYTEST) $(CORES) -m unit $(ARGS)

test: browser-deps lint  ## all that guards a merge: linters, types, import contracts, tests
	@$(PYTEST) $(MORE) $(GUARDS) $(ARGS)

uncached: $(DEV)  ## the tests of workflows with workers that keep no journey in memory: every task is a replay
	@$(PYTEST) $(CORES) -m "not soak" --hypothesis-profile ci --workflow-cache 0 -o faulthandler_timeout=0 \
		tests/workflow $(ARGS)

faults: $(DEV)  ## kills, outages, put-backs, floods and attackers, against real servers
	@$(PYTEST) $(MORE) -m "not soak" --hypothesis-profile ci tests/faults $(ARGS)

browser: browser-deps  ## the console in a real browser: every page, keyboard, phone, two browsers, restarts
	@$(PYTEST) $(CORES) -m "not soak" --hypothesis-profile ci tests/browser $(ARGS)

browser-deps: $(DEV)  ## find Chromium or Chrome; install Debian's package where that may be, or say what to install
	@$(PY) -m tests.browser.chromium

soak: browser-deps  ## what takes long: many examples, many journeys, whole courses in browsers, mutants, killings
	@$(PYTEST) $(CORES) -m "soak or faults or hypothesis" --hypothesis-profile soak -o faulthandler_timeout=0 $(ARGS)

drill: $(DEV)  ## twenty people act while everything is killed, stopped, put back and flooded in turn
	@$(PY) -m tests.drill $(ARGS)

canary: $(DEV)  ## plant words in all that people write, and look for them in every byte that should hold none
	@$(PY) -m tests.canary $(ARGS)

dates: $(DEV)  ## the tests under other dates: next year, a leap day, clock changes, unknown holidays
	@$(PY) -m tests.dates $(ARGS)

coverage: browser-deps  ## what the tests of `make test` reach, and of the core every branch they do not
	@$(PYTEST) $(MORE) $(GUARDS) --cov --cov-report= $(ARGS)
	@$(PY) -m coverage report
	@$(PY) -m coverage report --show-missing --include "workflows/journey/*"

bench: $(DEV)  ## measure throughput and latency
	@$(PY) -m tests.benchmarks $(ARGS)

lint: $(DEV)  ## ruff, mypy --strict, import contracts
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy --strict
	@.venv/bin/lint-imports

format: $(DEV)  ## apply ruff's fixes and formatting
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

docs: $(DEV)  ## write the generated parts of docs/ anew
	@$(PY) -m docs.generate

hooks:  ## have git check formatting, lint and import contracts before each commit
	@git config core.hooksPath .githooks

# The smaller files are resolved against the largest, so all three agree. ARGS=--upgrade takes new releases.
COMPILE = .venv/bin/uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 \
	--no-header --quiet
lock: $(PY)  ## write the three requirement files anew from pyproject.toml
	@$(PIP) uv
	@$(COMPILE) --extra local --extra dev --output-file requirements-dev.txt $(ARGS)
	@$(COMPILE) --extra local --constraint requirements-dev.txt --output-file requirements-local.txt $(ARGS)
	@$(COMPILE) --constraint requirements-dev.txt --output-file requirements.txt $(ARGS)

clean:  ## remove the environment, the local stack's data, what tests left, and all caches
	@if $(PY) -c 'import psutil' 2>/dev/null; then $(PY) -m tests.fixtures.run_directory; fi
	@rm -rf .venv .local .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@for candidate in python3.11 python3; do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			$$candidate -m venv .venv; exit 0; \
		fi; \
	done; \
	echo "No Python 3.11 or newer was found as python3.11 or python3. Install one and run make again." >&2; exit 1

# Twice quiet, pip shows errors alone: what it warns of is mostly of a machine's settings, once for each package.
PIP = $(PY) -m pip install --quiet --quiet --disable-pip-version-check
INSTALL = $(PIP) --require-hashes
FAILED = { echo "Installing failed. All that pip says: $(PY) -m pip install --require-hashes -r $<" >&2; exit 1; }

$(LOCAL): requirements-local.txt | $(PY)
	@echo "Installing what the local stack needs into .venv (once) ..." >&2
	@$(INSTALL) -r $< || $(FAILED)
	@touch $@

$(DEV): requirements-dev.txt | $(PY)
	@echo "Installing the development tools into .venv (once) ..." >&2
	@$(INSTALL) -r $< || $(FAILED)
	@touch $@

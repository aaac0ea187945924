# Two commands: `make demo` trains a classifier on real images, `make test` passes the tests.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
LOWEST_PYTHON ?= python3.11
BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed
PEERS := .venv-bench/.installed
LOWEST := .venv-lowest/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # every process would compile torch anew


.PHONY: help demo test test-all test-lowest check bench bench-peers clean

help:
	@echo "make demo      train and test a classifier on Fashion-MNIST (a few minutes, installation counted)"
	@echo "make test      run the tests"
	@echo "make test-all  run all tests, the slow ones too, and measure branch coverage"
	@echo "make test-lowest  run the tests with the oldest versions of what Imagette needs (Python 3.11)"
	@echo "make check     linter, formatter, type checker, import layers"
	@echo "make bench     measure what docs/benchmarks.md shows, on this machine (nothing else should run)"
	@echo "make bench-peers  of that, the speed beside other tools, which it installs"
	@echo "make clean     remove the environment and the tools' caches; runs stay"

$(RUNTIME): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Imagette needs Python 3.11 or newer, as python3 on the PATH" >&2; exit 1; }
	@echo "Installing into .venv (about 200 MB to fetch with a CPU build of torch, gigabytes with CUDA's; once)"
	@$(PYTHON) -m venv .venv
	@PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --no-compile --editable .
	@touch $@

$(DEV): $(RUNTIME)
	@echo "Installing what the tests need"
	@PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(RUNTIME)
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/demo.sh

test: $(DEV)
	@$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-all: $(DEV)
	@$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

test-lowest: $(LOWEST)
	@.venv-lowest/bin/pytest -n 2 --dist loadfile -m "not slow"

$(LOWEST): pyproject.toml constraints.txt scripts/lowest.py
	@echo "Installing the oldest versions into .venv-lowest"
	@$(LOWEST_PYTHON) -m venv .venv-lowest
	@$(PYTHON) scripts/lowest.py > .venv-lowest/constraints.txt
	@PIP_CONSTRAINT=.venv-lowest/constraints.txt .venv-lowest/bin/pip install --quiet --editable . \
		hatchling hypothesis import-linter pandas pytest pytest-timeout pytest-xdist
	@touch $@

check: $(DEV)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# $(call answer,PROGRAM,what it does and how long it takes): a line for the reader and the measurement.
answer = @echo "== $(1): $(2)" && $(BIN)/python benchmarks/$(1).py

bench: $(RUNTIME)
	$(call answer,start,quick commands as whole processes; about half a minute)
	$(call answer,bound,the engine against the bare arithmetic; about 8 minutes on two cores)
	$(call answer,articles_race,a step against the articles' own way; about 4 minutes on two cores)
	$(call answer,cost,time and memory as one thing grows; many minutes)
	$(call answer,speedrun,seeds to the articles' accuracies; hours)
	@$(MAKE) --no-print-directory bench-peers
	@$(BIN)/python docs/generate.py && echo "== docs/benchmarks.md shows it"

bench-peers: $(PEERS)
	@echo "== peers: images a second against other tools; many minutes"
	@.venv-bench/bin/python benchmarks/peers.py

$(PEERS): benchmarks/requirements.txt constraints.txt pyproject.toml
	@echo "Installing the other tools into .venv-bench (several hundred MB to fetch with a CPU build of torch; once)"
	@$(PYTHON) -m venv .venv-bench
	@PIP_CONSTRAINT=constraints.txt .venv-bench/bin/pip install --quiet torch --editable . -r benchmarks/requirements.txt
	@touch $@

clean:
	rm -rf .venv .venv-bench .venv-lowest .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

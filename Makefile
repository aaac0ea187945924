# Two commands: `make demo` trains a classifier on real images, `make test` passes the tests.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # every process would compile torch anew


.PHONY: help demo test test-all check clean

help:
	@echo "make demo      train and test a classifier on Fashion-MNIST (a few minutes, installation counted)"
	@echo "make test      run the tests"
	@echo "make test-all  run all tests, the slow ones too, and measure branch coverage"
	@echo "make check     linter, formatter, type checker, import layers"
	@echo "make clean     remove the environment and the tools' caches; runs stay"

$(RUNTIME): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Imagette needs Python 3.11 or newer, as python3 on the PATH" >&2; exit 1; }
	@echo "Installing into .venv (about 200 MB to fetch; once)"
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

check: $(DEV)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

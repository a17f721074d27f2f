# The two commands are `make bench` and `make test`; both work on a fresh machine with Python 3.11+ and make.
# `make train-demo` and `make learn` need torch, and have an environment of their own for it.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --constraint constraints.txt
TRAINING_VENV ?= .venv-training
TRAINING_BIN  := $(TRAINING_VENV)/bin

.PHONY: bench test test-all lint train-demo learn clean

bench: $(VENV)/.installed
	$(BIN)/agentgym bench all

test: lint
	$(BIN)/python -m pytest -m "not slow"

test-all: lint
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train-demo: $(TRAINING_VENV)/.installed-training
	$(TRAINING_BIN)/python -m benchmarks.learning.demo

learn: $(TRAINING_VENV)/.installed-training
	$(TRAINING_BIN)/python -m benchmarks.learning

clean:
	rm -rf $(VENV) $(TRAINING_VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# The stamps make the second run fast; a changed list of packages or commands installs again.

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "agentgym needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	@echo "making $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing agentgym into $(VENV)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing what the tests need into $(VENV)"
	@$(PIP) --editable . --group dev
	@touch $@

$(TRAINING_VENV)/.installed-training: pyproject.toml constraints.txt
	@echo "installing agentgym, with all that trains and serves, into $(TRAINING_VENV)"
	@$(MAKE) --no-print-directory VENV=$(TRAINING_VENV) $(TRAINING_VENV)/.python
	@$(TRAINING_BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,serve,viz]'
	@touch $@

# make demo: recipe tiny, from raw shards to results/reports/tiny/index.html.  make test: all tests.  make lint: house rules.
# Another interpreter or folder: make demo PYTHON=python3.11 VENV=/somewhere

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test lint

demo: $(VENV)/.run
	PATH="$(abspath $(BIN)):$$PATH" snakemake --quiet rules

test: $(VENV)/.test
	PATH="$(abspath $(BIN)):$$PATH" pytest

lint: $(VENV)/.test
	PATH="$(abspath $(BIN)):$$PATH" sh -e .ci/lint

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP_INSTALL) --editable '.[test]'
	touch $@

# make demo: recipe tiny, from raw shards to results/reports/tiny/index.html
# make test: all tests that need neither root nor Slurm.  make lint: house rules.  make constraints: newer dependencies.
# make test-crate: is the lineage a valid RO-Crate? Part of make test; the validator has an environment of its own.
# make test-slurm: the workflow and its faults on a Slurm cluster on this machine alone (root; Debian packages).
# make test-bridge: the GPU trainer with the real Megatron-Bridge on a pretended GPU, in an environment of its own.
# make bench-lineage: the lineage and the report of 100,000 shards (1 GB of disk, about 5 minutes).
# make bench-memory: what tokenize_shard holds at most, on shards of some GB (10 GB of disk, about 5 minutes).
# make bench: how fast tokenizing is, next to others; writes docs/tokenize-benchmark.md. About 15 minutes, 8 GB in build/.
# make bench-plan: what planning up to 100,000 shards takes (3 GB of disk, about half an hour).
# make bench-index: building and opening the index of a blend of 1,000 and of 10,000 pairs (about 10 minutes).
# Another interpreter or folder: make demo PYTHON=python3.11 VENV=/somewhere

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test test-crate test-slurm test-bridge lint bench bench-lineage bench-memory bench-plan bench-index constraints

demo: $(VENV)/.run
	PATH="$(abspath $(BIN)):$$PATH" snakemake --quiet host

test: $(VENV)/.test test-crate
	PATH="$(abspath $(BIN)):$$PATH" pytest

test-crate: $(VENV)/.test $(VENV)-crate/.validator
	PYTHONPATH="$(CURDIR)/scripts:$(CURDIR)" $(BIN)/python -m tests.crate.build build/crate
	$(VENV)-crate/bin/python tests/crate/validate.py build/crate/results/reports/tiny

# Its own environment: it is no part of the product, and the release of rocrate that has the context of 1.1 is an old one.
$(VENV)-crate/.validator:
	$(PYTHON) -m venv $(VENV)-crate
	$(VENV)-crate/bin/python -m pip install --quiet roc-validator==0.13.0 rocrate==0.13.0
	touch $@

test-slurm: $(VENV)/.slurm
	which slurmctld munged || { apt-get update && \
	  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends slurm-wlm munge; }
	PATH="$(abspath $(BIN)):$$PATH" pytest -m slurm tests/slurm

test-bridge: $(VENV)-bridge/.test
	$(VENV)-bridge/bin/python -m pytest --confcutdir=tests/bridge tests/bridge

# Without dependencies, for Bridge's own list asks for packages that only install where there is CUDA's compiler.
$(VENV)-bridge/.test: requirements-bridge.txt
	$(PYTHON) -m venv $(VENV)-bridge
	$(VENV)-bridge/bin/python -m pip install --quiet torch==2.13.0
	$(VENV)-bridge/bin/python -m pip install --quiet --no-deps --requirement requirements-bridge.txt
	touch $@

lint: $(VENV)/.test
	PATH="$(abspath $(BIN)):$$PATH" sh -e .ci/lint

bench-memory: $(VENV)/.run
	PYTHONPATH=scripts $(BIN)/python benchmarks/memory.py

bench: $(VENV)/.test $(VENV)-datatrove/.bench
	PATH="$(abspath $(BIN)):$$PATH" PYTHONPATH=scripts python benchmarks/tokenizing.py \
	  --folder build/bench --datatrove $(VENV)-datatrove/bin/python --document docs/tokenize-benchmark \
	  --readme README.md

# A peer of the benchmark. Its own environment: it wants versions that are not those of constraints.txt.
$(VENV)-datatrove/.bench:
	$(PYTHON) -m venv $(VENV)-datatrove
	$(VENV)-datatrove/bin/python -m pip install --quiet 'datatrove[io,processing]==0.10.1'
	touch $@

bench-plan: $(VENV)/.run
	$(PIP_INSTALL) --editable '.[bench]'
	PATH="$(abspath $(BIN)):$$PATH" PYTHONPATH=scripts $(BIN)/python benchmarks/small_shards.py
	PATH="$(abspath $(BIN)):$$PATH" PYTHONPATH=scripts $(BIN)/python benchmarks/planning.py

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP_INSTALL) --editable '.[test]'
	touch $@

bench-lineage: $(VENV)/.run
	PYTHONPATH=scripts $(BIN)/python benchmarks/lineage.py

bench-index: $(VENV)/.run
	PYTHONPATH=scripts $(BIN)/python benchmarks/index_cache.py

$(VENV)/.slurm: $(VENV)/.test
	$(PIP_INSTALL) --editable '.[slurm]'
	touch $@

# The newest versions that pyproject.toml allows become the pinned ones. The `+cpu` of a wheel without CUDA is no version.
constraints:
	$(PYTHON) -m venv $(VENV)-new
	$(VENV)-new/bin/python -m pip install --quiet torch==2.13.0
	$(VENV)-new/bin/python -m pip install --quiet --editable '.[slurm,test]'
	{ echo "# Exact versions of everything that make demo, make test and make test-slurm install. Made anew by: make constraints"; \
	  $(VENV)-new/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt
	rm -r $(VENV)-new

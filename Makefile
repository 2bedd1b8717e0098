# Another interpreter, folder or number of test processes: make demo PYTHON=python3.11 VENV=/somewhere WORKERS=4

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN = $(VENV)/bin
IN_VENV = PATH="$(abspath $(BIN)):$$PATH"
PIP_INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt
PYTEST = $(IN_VENV) pytest --numprocesses $(WORKERS) --dist loadfile

.PHONY: help install demo docs test test-fast test-crate test-slurm test-bridge lint envs constraints \
  bench bench-lineage bench-memory bench-plan bench-index

help: ## this list
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r target text; do \
	  printf '%-16s %s\n' "$$target" "$$text"; done

install: $(VENV)/.run ## snakemake and nano3 in .venv, and nothing run; then: . .venv/bin/activate

demo: $(VENV)/.run ## recipe tiny, from raw shards to results/reports/tiny/index.html: 2 to 5 minutes on two cores
	$(IN_VENV) snakemake --quiet host

test-fast: $(VENV)/.test ## the tests that neither train nor run the workflow: about a minute
	$(PYTEST) -m "not slow and not slurm"

test: $(VENV)/.test test-crate ## all tests that need neither root nor Slurm
	$(PYTEST)

# Its own environment: it is no part of the product, and the release of rocrate that has the context of 1.1 is an old one.
test-crate: $(VENV)/.test $(VENV)-crate/.validator ## is the lineage a valid RO-Crate? Part of make test
	PYTHONPATH="$(CURDIR)/scripts:$(CURDIR)" $(BIN)/python -m tests.crate.build build/crate
	$(VENV)-crate/bin/python tests/crate/validate.py build/crate/results/reports/tiny

test-slurm: $(VENV)/.slurm ## the workflow and its faults on a Slurm cluster on this machine alone (root, Debian packages)
	which slurmctld munged || { apt-get update && \
	  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends slurm-wlm munge; }
	$(IN_VENV) pytest -m slurm tests/slurm

test-bridge: $(VENV)-bridge/.test ## the GPU trainer with the real Megatron-Bridge on a pretended GPU
	$(VENV)-bridge/bin/python -m pytest --confcutdir=tests/bridge tests/bridge

lint: $(VENV)/.test ## format, types, layers, Snakemake's own advice
	$(IN_VENV) sh .ci/lint

docs: $(VENV)/.test ## docs/ as a site, in build/site; a dead link or a misspelling fails
	$(IN_VENV) codespell
	$(BIN)/python docs/site.py
	$(IN_VENV) zensical build --strict --clean

envs: $(VENV)/.test ## write envs/*.yaml from pyproject.toml and constraints.txt
	$(BIN)/python envs/environments.py

# The newest versions that pyproject.toml allows become the pinned ones. The `+cpu` of a wheel without CUDA is no version.
constraints: ## write constraints.txt with the newest versions that pyproject.toml allows; then make envs
	$(PYTHON) -m venv $(VENV)-new
	$(VENV)-new/bin/python -m pip install --quiet --editable '.[slurm,test]'
	{ echo "# Exact versions of everything that make demo, make test and make test-slurm install. Made anew by: make constraints"; \
	  $(VENV)-new/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt
	rm -r $(VENV)-new

bench: $(VENV)/.test $(VENV)-datatrove/.bench ## how fast tokenizing is, next to others (15 minutes, 8 GB in build/)
	$(IN_VENV) PYTHONPATH=scripts python benchmarks/tokenizing.py \
	  --folder build/bench --datatrove $(VENV)-datatrove/bin/python --document docs/tokenize-benchmark \
	  --summary docs/benchmarks.md

bench-memory: $(VENV)/.bench ## what tokenize_shard holds at most, on shards of some GB (5 minutes, 10 GB)
	PYTHONPATH=scripts $(BIN)/python benchmarks/memory.py

bench-plan: $(VENV)/.bench ## what planning up to 100,000 shards takes (half an hour, 3 GB)
	$(IN_VENV) PYTHONPATH=scripts $(BIN)/python benchmarks/small_shards.py
	$(IN_VENV) PYTHONPATH=scripts $(BIN)/python benchmarks/planning.py

bench-index: $(VENV)/.bench ## building and opening the index of a blend of 1,000 and of 10,000 pairs (10 minutes)
	PYTHONPATH=scripts $(BIN)/python benchmarks/index_cache.py

bench-lineage: $(VENV)/.bench ## the lineage and the report of 100,000 shards (5 minutes, 1 GB)
	PYTHONPATH=scripts $(BIN)/python benchmarks/lineage.py

# Environments. The file that a rule touches says that its environment is whole.

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) --editable '.[steps,wandb]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP_INSTALL) --editable '.[test]'
	touch $@

$(VENV)/.slurm: $(VENV)/.test
	$(PIP_INSTALL) --editable '.[slurm]'
	touch $@

$(VENV)/.bench: $(VENV)/.run
	$(PIP_INSTALL) --editable '.[bench]'
	touch $@

# Without dependencies, for Bridge's own list asks for packages that only install where there is CUDA's compiler.
$(VENV)-bridge/.test: requirements-bridge.txt
	$(PYTHON) -m venv $(VENV)-bridge
	$(VENV)-bridge/bin/python -m pip install --quiet --constraint requirements-bridge.txt torch
	$(VENV)-bridge/bin/python -m pip install --quiet --no-deps --requirement requirements-bridge.txt
	touch $@

$(VENV)-crate/.validator:
	$(PYTHON) -m venv $(VENV)-crate
	$(VENV)-crate/bin/python -m pip install --quiet roc-validator==0.13.0 rocrate==0.13.0
	touch $@

# A peer of the benchmark. Its own environment: it wants versions that are not those of constraints.txt.
$(VENV)-datatrove/.bench:
	$(PYTHON) -m venv $(VENV)-datatrove
	$(VENV)-datatrove/bin/python -m pip install --quiet 'datatrove[io,processing]==0.10.1'
	touch $@

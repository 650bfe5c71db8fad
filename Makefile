# Two commands do everything: `make demo` and `make test`. Each sets up what it needs first.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CHECKOV := .venv-checkov
FUZZ := .venv-fuzz
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= parse_reject parse_drop dead_letter queue_letter backfill_file contract_file repair_rules alert retry_after
SINCE ?= HEAD^
SOURCES := pipeline generator local benchmarks deploy tests

.PHONY: help demo report test lint types tests parity chaos contract soak fuzz requirements clean
.DEFAULT_GOAL := help

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.local ## Run the whole product on this machine, in about two minutes
	$(BIN)/python -m local demo

report: $(VENV)/.local ## Draw what the demo has left as one HTML page, demo-output/report.html
	$(BIN)/python -m local report

test: lint types tests ## Lint, check types and run all tests

lint: $(VENV)/.dev ## Check style
	$(BIN)/ruff check $(SOURCES) functions
	$(BIN)/ruff format --check $(SOURCES) functions

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy
	cd functions/alerting && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --strict .

tests: $(VENV)/.dev $(CHECKOV)/.done ## Run all tests
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

parity: $(VENV)/.dev ## Show that a backfill gives exactly what streaming gave
	$(BIN)/pytest --quiet --no-header tests/parity

chaos: $(VENV)/.local ## Break everything that can be broken, twice each, and count what is lost or doubled
	$(BIN)/python -m local.chaos

soak: $(VENV)/.dev ## Run the whole product for half an hour and tell whether memory and latency stay flat
	$(BIN)/python -m benchmarks.soak

fuzz: $(FUZZ)/.done ## Look for inputs that crash or stall what reads them, FUZZ_SECONDS (60) for each target
	set -e; for target in $(FUZZ_TARGETS); do \
		$(FUZZ)/bin/python -m benchmarks.fuzz.guided $$target -max_total_time=$(FUZZ_SECONDS); \
	done

contract: $(VENV)/.dev ## Tell whether what changed in schemas.json since SINCE (HEAD^) breaks somebody
	git show $(SINCE):schemas.json > $(VENV)/schemas-before.json
	$(BIN)/python -m pipeline.schemas check $(VENV)/schemas-before.json schemas.json

requirements: $(VENV)/.dev ## Compile requirements/*.txt anew from pyproject.toml
	$(BIN)/python requirements/compile.py

clean: ## Remove what was set up and what the demo left
	rm -rf $(VENV) $(CHECKOV) $(FUZZ) demo-output build .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# A stamp says which requirements are installed; pip checks every file against its hash.
$(VENV)/.local: requirements/local.txt | $(VENV)/bin/python
	@echo "Setting up $(VENV) from $<; this takes a minute the first time."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/bin/python
	@echo "Setting up $(VENV) from $<; this takes a minute or two the first time."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# It wants older packages than the others.
$(CHECKOV)/.done: requirements/checkov.txt
	$(PYTHON) -m venv $(CHECKOV)
	$(CHECKOV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# It sees the packages of the tests, and has the fuzzer beside them.
$(FUZZ)/.done: requirements/fuzz.txt $(VENV)/.dev
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/python -c "import site; print(site.getsitepackages()[0])" > $(FUZZ)/lib/python3.11/site-packages/tests.pth
	@touch $@

# make         venv, install, Verilog and report of the bundled trained network in build/
# make check   lint, types and the quick tests, in less than a minute
# make test    lint, and every kind of test, the manual among them, in tests/ and tb/ at reduced depth
# make test-all  the same at full depth
# make test-deeper  after make test, what test-all does beyond it
# make board  bitstream for BOARD=ulx3s-85f of the bundled network with its ear, in build/ulx3s-85f
# make docs    the manual in build/site; a warning is an error
# make clean   remove the environment and the site; build/ stays
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
BOARD  ?= ulx3s-85f
NETWORK ?= asc20-256x256-k5
PRESET ?= balanced
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: all board check test test-all test-deeper lint docs clean debian
all: $(VENV)/core
	$(BIN)/python scripts/gen_hw.py

check: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not slow" tests/fxp_model tests/hw tests/project

test-all: export SPIKELINE_TESTS = full
test-all: test

test-deeper: export SPIKELINE_TESTS = full
test-deeper: debian $(VENV)/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -p tb.harness.deeper

test: debian $(VENV)/dev
	$(MAKE) lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

board: $(VENV)/flow
	$(BIN)/python scripts/build_board.py --board $(BOARD) --artifact $(NETWORK) --preset $(PRESET) --ear --out build/$(BOARD)

docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v < (3, 14) or sys.exit("Spikeline needs Python 3.11, 3.12 or 3.13, not %d.%d; name one: make PYTHON=python3.13" % v[:2])'
	$(PYTHON) -m venv $(VENV)

# a stamp per set of extras, remade when the dependencies change
$(VENV)/core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	touch $@
$(VENV)/flow: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[flow]'
	touch $@ $(VENV)/core
$(VENV)/docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[docs]'
	touch $@ $(VENV)/core
$(VENV)/dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[dev]'
	touch $@ $(VENV)/core $(VENV)/flow $(VENV)/docs

debian:
	@scripts/install_debian.sh

clean: # what is in build/ may be a user's, too
	rm -rf build/site $(VENV) *.egg-info

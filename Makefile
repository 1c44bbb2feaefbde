# make run     a meeting on this machine          make test    install what tests need, prove everything
# make check   formatters, linters, types         make bench   the measurements, each with its command
# make build   the wheel, in dist/                make lock    write requirements/ again
# make fix     apply what linters can fix         make coverage  how much of the code the tests reach
# make pictures  of every screen, in four sizes and two themes: .build/pictures/sheets

SHELL := /bin/sh
export PATH := $(HOME)/.cargo/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet
RUST := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name 'Cargo.toml')
ARGS ?=

# `make -j` would not help: cargo and pip use all cores themselves.
.NOTPARALLEL:
.PHONY: npm pictures run test check coverage nightly bench build lock fix clean

run: $(VENV)/installed
	@exec $(BIN)/tertulia dev $(ARGS)

test:
	@sh scripts/need.sh run
	@exec $(PYTHON) scripts/test.py $(ARGS)

check:
	@sh scripts/need.sh run
	@exec $(PYTHON) scripts/test.py check

# The unit and integration tests again, measured: fails below the floor.
coverage:
	@sh scripts/need.sh run
	@exec $(PYTHON) scripts/test.py coverage

# What takes long (some browser tests), or needs more: Go 1.24 or later, npm packages of its own, and GStreamer.
nightly:
	@sh scripts/need.sh run nightly
	@exec $(PYTHON) scripts/test.py nightly

bench:
	@sh scripts/need.sh run
	@exec $(PYTHON) scripts/test.py bench

pictures: $(VENV)/installed $(VENV)/tested
	@sh scripts/need.sh run
	@exec $(BIN)/python -m tests.browser.tour $(ARGS)

build: $(VENV)/python
	@$(BIN)/maturin build --release --locked --out dist

# What `make check` finds and a tool can fix.
fix: $(VENV)/tested npm
	cargo fmt --all
	node_modules/.bin/biome check --write .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The exact versions, with hashes and without the address of any index. Needs uv.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--group build pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/run.txt \
		--group build --group check --group test pyproject.toml -o requirements/test.txt

clean:
	rm -rf $(VENV) target dist node_modules python/tertulia/sfu/_sfu*.so

$(VENV)/python: requirements/run.txt
	@sh scripts/need.sh run
	@echo "make: Python packages into ./$(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml $(RUST)
	@sh scripts/need.sh run
	@echo "make: building the media engine (some minutes the first time)"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_QUIET=1 $(BIN)/maturin develop --release --locked
	@touch $@

$(VENV)/tested: $(VENV)/python requirements/test.txt
	@echo "make: Python packages of the tests into ./$(VENV)"
	@$(PIP) --require-hashes -r requirements/test.txt
	@touch $@

# Each directory with a package-lock.json has packages of its own.
NPM := $(CURDIR) $(CURDIR)/tests/integration/oidc $(CURDIR)/tests/integration/signalr \
	$(CURDIR)/tests/integration/storage $(CURDIR)/bench/signaling
npm: $(NPM:%=%/node_modules/installed)
%/node_modules/installed: %/package.json %/package-lock.json
	@echo "make: npm packages into $(@D)"
	@sh scripts/need.sh node
	@cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

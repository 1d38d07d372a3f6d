# Everything a developer or an operator types. `make run` and `make test` each need nothing but Debian 12, Python 3.11 and git.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
MADE := $(VENV)/.made
BIN := $(VENV)/bin
CACHE := .cache
CONFIG := config
DATA := data
NATIVE := CMakeLists.txt $(wildcard $(addprefix gateway/wire/*.,cpp hpp h cmake) $(addprefix tests/wire/fuzz/*.,cpp hpp cmake))

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# The tests start the exchange hundreds of times: its modules are compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run demo test lint types unit format wheel wheel-test bench bench-small soak sanitize fuzz interop \
        quickfix-wheel clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | column -t -s $$'\t'

# --- set-up: each step leaves a stamp, so that nothing is done twice -------------------------------------------------

CERTIFICATE := $(MADE)/certificate-$(subst /,-,$(CONFIG))

setup: $(CERTIFICATE) ## set everything up, build, do not start

$(MADE)/python: .ci/system
	@echo "[1/4] system packages and $(VENV)"
	python=$$(.ci/system | tail -n 1)
	[ -x $(BIN)/python ] || "$$python" -m venv $(VENV)
	mkdir -p $(MADE) $(CACHE)
	touch $@

$(MADE)/packages: pyproject.toml $(MADE)/python
	@wanted=$$($(BIN)/python .ci/requirements)
	if [ "$$(cat $@ 2>/dev/null)" != "$$wanted" ]; then
	    echo "[2/4] Python packages"
	    if ! $(BIN)/python -m pip install --progress-bar off $$wanted 2>&1 | .ci/progress $(CACHE)/packages.log; then
	        tail -n 20 $(CACHE)/packages.log >&2
	        exit 1
	    fi
	fi
	printf '%s\n' "$$wanted" >$@

$(MADE)/build: $(MADE)/packages pyproject.toml $(NATIVE)
	@echo "[3/4] the extension (QuickFIX is compiled once, in under two minutes on two cores)"
	if ! PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install -v --no-build-isolation --no-deps --editable . 2>&1 \
	    | .ci/progress $(CACHE)/build.log; then
	    echo "The build failed; the end of $(CACHE)/build.log:" >&2
	    tail -n 40 $(CACHE)/build.log >&2
	    exit 1
	fi
	touch $@

$(CERTIFICATE): $(MADE)/build
	@echo "[4/4] a certificate for the demo"
	$(BIN)/python -m gateway.certificates --config $(CONFIG)
	touch $@

# --- running ---------------------------------------------------------------------------------------------------------

run: setup ## set everything up and start the exchange on the shipped configuration
	@exec $(BIN)/outcry serve --config $(CONFIG) --data $(DATA)

demo: setup ## send first orders to the running exchange
	@exec $(BIN)/outcry demo

# --- checks ----------------------------------------------------------------------------------------------------------

lint: setup ## ruff: rules and format
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy --strict
	@$(BIN)/mypy

unit: setup $(MADE)/trace ## every test but soak, interop and bench
	@timeout --kill-after=30 1800 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not soak and not interop and not bench"

format: setup ## rewrite the sources as `make lint` wants them
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(MADE)/trace: $(MADE)/python
	@.ci/system trace || echo "Tests that trace system calls will be skipped."
	touch $@

bench-small: setup ## the benchmarks, small: they run and their results are right; the figures mean nothing
	@$(BIN)/python -m pytest -m bench

bench: setup ## the benchmarks in full; prints the table of the README
	@$(BIN)/python -m tests.bench

SOAK_MINUTES := 60
soak: setup $(MADE)/trace ## long runs: kills under load, an hour at half load, fuzzing; SOAK_MINUTES=5 for a shorter one
	@echo "soak: 200 kills -9 under load (7 s each were measured on 2 busy cores), a long run of $(SOAK_MINUTES) minutes at half load"
	echo "(SOAK_MINUTES=N for another), and every other test marked soak; these are they, each says how far it is:"
	$(BIN)/python -m pytest -m soak --collect-only -q --no-header | grep '::'
	OUTCRY_SOAK_MINUTES=$(SOAK_MINUTES) $(BIN)/python -m pytest -m soak -v --durations=0 -o faulthandler_timeout=0

sanitize: setup ## the wire's tests under the thread, the address and the undefined-behaviour sanitizer
	@for kind in thread address,undefined; do $(BIN)/python tests/wire/run_sanitized.py $$kind; done

FUZZ_SECONDS := 60
FUZZ_TARGETS :=
$(MADE)/clang: $(MADE)/python
	@.ci/system fuzz
	touch $@

fuzz: setup $(MADE)/clang ## looks for inputs that break the wire: FUZZ_SECONDS=60 each, FUZZ_TARGETS="framer decode ..."
	@nice $(BIN)/python -m tests.wire.fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# The real QuickFIX initiator is one C++ file of 5.8 MB; without optimisation it compiles in a fraction of the time, and
# how fast it runs is of no interest here.
QUICKFIX := quickfix==1.16.0
QUICKFIX_HASH := sha256:825aceb72cfd69c30fbbf5b380b66f464abe1fe3188374f13d8c9987dd8eb4e9
$(CACHE)/wheels/$(QUICKFIX): $(MADE)/packages
	@echo "compiling the QuickFIX initiator for the interoperability tests (some minutes, once)"
	mkdir -p $(@D)
	echo "$(QUICKFIX) --hash=$(QUICKFIX_HASH)" >$@.txt
	CFLAGS="-O0 -g0" nice -n 19 $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(@D) --requirement $@.txt
	mv $@.txt $@

quickfix-wheel: $(CACHE)/wheels/$(QUICKFIX)

$(MADE)/quickfix: $(CACHE)/wheels/$(QUICKFIX)
	@$(BIN)/python -m pip install --quiet --no-index --no-deps --find-links $(CACHE)/wheels $(QUICKFIX)
	touch $@

interop: setup $(MADE)/quickfix ## a real QuickFIX initiator and a simplefix client against the exchange
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m interop

test: setup $(MADE)/trace ## every check and test; what .ci/run calls
	@setsid $(MAKE) quickfix-wheel >$(CACHE)/quickfix-wheel.log 2>&1 & wheel=$$!
	trap 'kill -- -$$wheel 2>/dev/null || true' EXIT
	$(MAKE) lint
	$(MAKE) types
	$(MAKE) unit
	$(MAKE) bench-small
	$(MAKE) wheel-test
	echo "waiting for the QuickFIX initiator"
	wait $$wheel || { cat $(CACHE)/quickfix-wheel.log; exit 1; }
	trap - EXIT
	$(MAKE) interop
	echo "all checks and tests passed"

wheel: setup ## build the wheel into dist/
	@rm -rf dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir dist .
	ls -l dist

wheel-test: wheel ## install the wheel into a new environment and start it
	@rm -rf $(CACHE)/wheel-venv
	$(BIN)/python -m venv $(CACHE)/wheel-venv
	$(CACHE)/wheel-venv/bin/python -m pip install --quiet dist/*.whl
	cd $(CACHE)
	wheel-venv/bin/outcry --help >/dev/null
	wheel-venv/bin/outcry check
	rm -rf wheel-venv
	echo "the wheel installs and starts"

clean: ## remove what was built; the journal in data/ stays
	@rm -rf build dist $(VENV) $(CACHE) config/certs .mypy_cache .ruff_cache .hypothesis

# The project's commands, the same here and in CI. `make help` lists them.
# A machine needs Python 3.11 or newer, make and a way to the package registry; everything else is made in .venv.

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
IMAGE := localhost/ocpi-gateway:dev

# The newest Python here that can make a virtual environment and run every test; 3.14 has no foreign peers (make_peers.py).
PYTHON ?= $(shell for candidate in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	$$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$candidate && break; done)

# Where tests keep their files: in memory where that has room, because each of thousands of databases syncs its commits.
SCRATCH := $(shell [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 4000000 ] 2>/dev/null && echo /dev/shm)
IN_SCRATCH := $(if $(SCRATCH),TMPDIR=$(SCRATCH))

# Arguments handed on: make test ARGS='tests/ocpi -k token'; make run ARGS='--help'; make lock ARGS=--upgrade
ARGS ?=
WORKERS ?= auto
SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command 'make lock' $(ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run test kill-loop every-write every-spelling search paths readers fuzz coverage mutants check
.PHONY: bench bench-partners flood soak
.PHONY: lint types contracts docs-fresh format docs lock image image-test clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## the six steps in both roles, and traffic both ways, on this machine
	@$(BIN)/ocpi-gateway demo $(ARGS)

run: $(READY) ## start the gateway on config.example.yaml
	@$(BIN)/ocpi-gateway -c config.example.yaml run $(ARGS)

test: $(READY) ## every test, in random order (ARGS= goes to pytest, WORKERS=0 runs in one process)
	@$(BIN)/python tests/e2e/make_peers.py
	@$(IN_SCRATCH) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

kill-loop: $(READY) ## 500 SIGKILLs at random moments of handshakes (ARGS='--kills N --seed N')
	@$(BIN)/python -m tests.e2e.kill_loop $(ARGS)

every-write: $(READY) ## each write and sync of a handshake fails once, and is the last one once (needs strace)
	@OCPI_GATEWAY_WRITE_STEP=1 $(BIN)/python -m pytest -n 2 tests/e2e/test_strace.py $(ARGS)

every-spelling: $(READY) ## every spelling of a forbidden target through every entry point of a gateway
	@OCPI_GATEWAY_EVERY_SPELLING=1 $(IN_SCRATCH) $(BIN)/python -m pytest -n $(WORKERS) --timeout 900 tests/urls $(ARGS)

search: $(READY) ## two gateways, 2000 times 50 acts that may fail in any way (SEED= repeats a search; takes an hour or so)
	@echo "seed $(SEED)"
	@OCPI_GATEWAY_SEARCH=$(SEED) $(BIN)/python -m pytest -n $(WORKERS) tests/handshake/test_state_machine.py $(ARGS)

check: lint types contracts docs-fresh test ## all that CI asks of a change

lint: $(READY) ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict
	@$(BIN)/mypy --strict

contracts: $(READY) ## the import layers
	@$(BIN)/lint-imports --no-logo

docs-fresh: $(READY) ## generated files are what the code says they are
	@$(BIN)/python -m gateway.config.reference --check
	@$(BIN)/python -m gateway.observe.reference --check
	@$(BIN)/python -m tests.handshake.table --check
	@$(BIN)/python -m tests.threats --check

docs: $(READY) ## write the generated files anew
	@$(BIN)/python -m gateway.config.reference
	@$(BIN)/python -m gateway.observe.reference
	@$(BIN)/python -m tests.handshake.table
	@$(BIN)/python -m tests.threats

format: $(READY) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## resolve requirements/*.lock (needs uv; ARGS=--upgrade takes the newest of everything)
	@command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	@$(LOCK) requirements/build.in -o requirements/build.lock
	@$(LOCK) pyproject.toml --extra postgres -o requirements/runtime.lock
	@$(LOCK) pyproject.toml --extra postgres --group dev requirements/build.in \
		-c requirements/runtime.lock -c requirements/build.lock -o requirements/dev.lock
	@$(LOCK) requirements/fuzz.in -o requirements/fuzz.lock
	@$(LOCK) bench/requirements.in -o bench/requirements.txt

paths: $(READY) ## 100 000 random request targets: refused, or the same bytes at the backend (SEED= repeats them; minutes)
	@echo "seed $(SEED)"
	@OCPI_GATEWAY_PATHS=$(SEED) $(BIN)/python -m pytest -n $(WORKERS) tests/app/test_targets.py tests/ocpi/test_paths.py $(ARGS)

readers: $(READY) ## what the gateway accepts of 10 000 random requests, h11, Node, nginx and HAProxy read alike (SEED=)
	@$(BIN)/python -m tests.readers --seed $(SEED) $(ARGS)

fuzz: $(VENV)/.fuzz ## fuzz the readers of what strangers send, a minute each (ARGS='path --seconds 600 --runs 0')
	@$(BIN)/python -m fuzz $(ARGS)

coverage: $(READY) ## 95 % of the branches of authentication, egress policy, store and handshake are tested; some minutes
	@$(IN_SCRATCH) $(BIN)/python -m tools.coverage_gate $(ARGS)

mutants: $(READY) ## the tests notice 85 % of small faults there (ARGS='address ranges --sample 30'; all take hours)
	@$(IN_SCRATCH) $(BIN)/python -m tools.mutants $(ARGS)

bench: .bench/.ready ## what the gateway costs beside nginx, HAProxy, Node and other Python; ten minutes (ARGS=--quick: one)
	@$(IN_SCRATCH) $(BIN)/python -m bench $(ARGS)

bench-partners: $(READY) ## what many partners cost, as ratios to ten (ARGS=100000 for another number)
	@$(BIN)/python -m bench.partners $(ARGS)

flood: $(READY) ## what 1200 slow attackers cost good clients, for a minute (ARGS=20 for so many seconds)
	@$(BIN)/python -m bench.flood $(ARGS)

soak: $(READY) ## does it grow: half an hour of traffic with faults (ARGS='MINUTES REQUESTS_PER_SECOND')
	@$(BIN)/python -m bench.soak $(ARGS)

image: ## build the container image with the engine that is here
	@tools/image.sh build $(IMAGE)

image-test: ## build the image, run it hardened and check what it promises
	@tools/image.sh test $(IMAGE)

clean: ## remove what these targets made, the environments included
	@rm -rf $(VENV) .peers .fuzz .bench .*_cache .hypothesis .coverage* htmlcov dist build

$(READY): requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'OCPI Gateway needs Python 3.11 or newer with its venv module, and found none on' \
		'the PATH. Install one (Debian: apt install python3-venv), or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo 'installing the locked dependencies'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What only `make fuzz` needs has a lock of its own: no test waits for it.
$(VENV)/.fuzz: $(READY) requirements/fuzz.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.lock
	@touch $@

# What only `make bench` needs: its own programs, and the proxies that come from the package registries.
.bench/.ready: $(READY) bench/requirements.txt bench/package-lock.json $(wildcard bench/native/*.c bench/proxies/*.mjs)
	@command -v cc >/dev/null || { echo 'make bench needs a C compiler (Debian: apt install gcc libc6-dev)' >&2; exit 1; }
	@mkdir -p .bench
	@for name in upstream load; do cc -O2 -Wall -Wextra -Werror -o .bench/$$name bench/native/$$name.c || exit 1; done
	@test -x .bench/venv/bin/python || $(PYTHON) -m venv .bench/venv
	@.bench/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/requirements.txt
	@cp bench/package.json bench/package-lock.json bench/proxies/*.mjs .bench
	@if command -v npm >/dev/null; then npm ci --prefix .bench --silent --no-audit --no-fund; \
	else echo 'npm is not here: the proxies on Node are left out'; fi
	@touch $@

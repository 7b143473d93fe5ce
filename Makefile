# Needs Python 3.11 or newer, make and git; everything else is fetched into .venv and a cache outside the checkout
# ($LOCKGATE_CACHE, else ~/.cache/lockgate).

PYTHON ?= python3
ARGS ?=
JOBS ?= 2
DEALT = -n $(JOBS) --dist loadgroup --no-loadscope-reorder
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo up test control-plane test-cluster lint bench qualify schemas chart lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12 chooses the Python for .venv, ARGS='...' goes to the command: make test ARGS='tests/core -x'"

setup: $(READY) ## Make .venv and fetch the servers that tests and demo use (the other targets do it by themselves)
	@:

demo: setup ## Watch a release go through regions, with everything in one process tree
	@$(BIN)/lockgate demo $(ARGS)

up: setup ## Run the whole system on this machine
	@$(BIN)/lockgate up $(ARGS)

test: setup ## Run the tests, JOBS at a time (2: most of them wait for servers); the long ones too with ARGS="-m 'not cluster'"
	@$(BIN)/pytest $(DEALT) $(ARGS)

control-plane: setup ## Build the programs of a real Kubernetes control plane with Go, once (about 10 minutes)
	@$(BIN)/python -m tests.support.controlplane

test-cluster: control-plane ## Run the tests against a real Kubernetes control plane; with ARGS="-m 'ci or cluster'" the long ones too
	@$(BIN)/pytest $(DEALT) -m cluster -rs $(ARGS)

lint: setup ## Check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy services shared tests
	@if grep -q '^\[tool\.importlinter\]' pyproject.toml; then echo $(BIN)/lint-imports; $(BIN)/lint-imports; \
	else echo "lint-imports: pyproject.toml has no [tool.importlinter] yet, so no layer was checked"; fi

bench: setup ## Measure
	@$(BIN)/python -m tests.bench $(ARGS)

# `make qualify NAME=soak` and `make qualify soak` are the same.
ifeq (qualify,$(firstword $(MAKECMDGOALS)))
WORD := $(word 2,$(MAKECMDGOALS))
NAME ?= $(WORD)
ifneq (,$(WORD))
.PHONY: $(WORD)
$(WORD): qualify
	@:
endif
endif

qualify: setup ## Do one long run by its name: make qualify NAME=...
	@if [ -z "$(NAME)" ]; then echo "make qualify: name the run, as in: make qualify NAME=soak" >&2; exit 2; fi
	@$(BIN)/python -m tests.qualify $(NAME) $(ARGS)

schemas: setup ## Write schemas/ from the messages, and from the door's routes
	@$(BIN)/python -m lockgate.messages.schemas $(ARGS)
	@$(BIN)/python -m lockgate.intake.door.openapi

chart: setup ## Write charts/ from the tables of a deployer's rights and policy
	@$(BIN)/python -m lockgate.deployer.chart $(ARGS)

lock: $(BIN)/uv ## Resolve the dependencies of pyproject.toml anew, with hashes
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-header -q -c requirements.txt -o requirements-dev.txt
	$(BIN)/uv pip compile --group go --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements-go.txt

clean: ## Remove .venv and everything derived; the cache outside the checkout stays
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.txt pyproject.toml | $(BIN)/uv
	@echo "== packages, pinned by hash in requirements-dev.txt"
	@$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements-dev.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@echo "== servers: Kafka and PostgreSQL"
	@$(BIN)/python -m lockgate.embedded
	@touch $@
	@echo "== ready"

# uv comes from the lock as everything else: its entry, with hashes, is what pip installs. Where Python lacks ensurepip
# (Debian without python3-venv), the system's pip installs into the environment instead.
$(BIN)/uv: PIN = awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements-dev.txt
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Lockgate needs Python 3.11 or newer; '$(PYTHON)' is older or missing. Name another one: make PYTHON=python3.12 setup" >&2; exit 1; }
	@echo "== .venv with $$($(PYTHON) --version)"
	@rm -rf .venv
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	  $(PYTHON) -m venv .venv && $(PIN) > .venv/uv.txt && \
	  $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r .venv/uv.txt; \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m venv --without-pip .venv && $(PIN) > .venv/uv.txt && \
	  $(PYTHON) -m pip --python $(BIN)/python install --disable-pip-version-check --require-hashes -r .venv/uv.txt; \
	else \
	  echo "'$(PYTHON)' can make no environment: it has neither ensurepip nor pip. Install one (Debian, Ubuntu: apt install python3-venv) or name another Python: make PYTHON=... setup" >&2; exit 1; \
	fi

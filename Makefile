# A fresh machine needs Python 3.11 or newer, make and git. Everything else goes into .venv, from the lock files.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
SCENARIO ?= all
SEEDS ?= 1:20
RUNS ?= 1
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade

.DEFAULT_GOAL := help
.PHONY: help run chat demo test walk lint format gen bench bench-smoke credentials real real-stop test-real k8s-check lock clean

help: ## list the verbs
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1@\2/p' $(MAKEFILE_LIST) | while IFS=@ read -r verb text; do printf '  make %-12s %s\n' "$$verb" "$$text"; done

run: .venv/.run ## start all five services in one process
	$(BIN)/python -m standalone

chat: .venv/.run ## open the terminal client (ADDRESS=host:port for another server than the one here)
	$(BIN)/python -m parley_terminal chat $(if $(ADDRESS),--address $(ADDRESS))

demo: .venv/.run ## watch a conversation that plays itself (ADDRESS=host:port to have it on a mesh that runs)
	$(BIN)/python -m parley_terminal demo $(if $(ADDRESS),--address $(ADDRESS))

# Five at once on two cores: most of a test is waiting, and all of them are five minutes of one core. They start a hundred
# processes, each of which would compile all that it imports where the environment says that no bytecode is kept.
test: export PYTHONDONTWRITEBYTECODE :=
test: export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/bytecode
test: .venv/.dev ## run the tests (ARGS="-k resume" for some of them)
	$(BIN)/python -m pytest -n 5 $(ARGS)

walk: .venv/.dev ## let people do random things and hold all answers against a model (SEEDS=1:500 for longer)
	$(BIN)/python -m tests.walk --seeds $(SEEDS)

lint: .venv/.dev ## hold code and contracts to the rules
	@echo "== ruff check"
	@$(BIN)/ruff check
	@echo "== ruff format"
	@$(BIN)/ruff format --check
	@echo "== mypy"
	@$(BIN)/mypy
	@echo "== lint-imports"
	@$(BIN)/lint-imports --no-logo
	@echo "== buf format"
	@$(BIN)/buf format --diff --exit-code proto
	@echo "== buf lint"
	@$(BIN)/python proto/check.py lint
	@echo "== buf breaking"
	@$(BIN)/python proto/check.py breaking
	@echo "== generated code"
	@$(BIN)/python proto/generate.py --check

format: .venv/.dev ## write code and contracts in the one format
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format
	$(BIN)/buf format --write proto

gen: .venv/.dev ## generate gen/ from proto/
	$(BIN)/python proto/generate.py

bench: .venv/.run ## measure all there is (SCENARIO=direct for one of it, RUNS=3 for the spread)
	$(BIN)/python -m bench $(SCENARIO) --runs $(RUNS)

bench-smoke: .venv/.run ## has a message become dearer? in two minutes
	$(BIN)/python -m bench smoke

credentials: .venv/.dev ## make the keys and passwords of a trial installation in var/credentials/
	$(BIN)/python -m k8s credentials var/credentials

real: .venv/.run ## the mesh as ten processes over real parts: etcd, Redis, Pulsar, a document store, Envoy on :7800
	$(BIN)/python -m real install
	$(BIN)/python -m real start

real-stop: .venv/.run ## end what `make real` started
	$(BIN)/python -m real stop

test-real: .venv/.dev ## run the tests that need real parts, and the stories through Envoy
	PARLEY_REAL_TLS=yes $(BIN)/python -m real test

k8s-check: .venv/.dev ## have a real API server judge the manifests (needs Go; builds it once, 9 minutes)
	$(BIN)/python -m k8s check

lock: .venv/.uv ## take the newest versions that pyproject.toml allows into the lock files
	$(LOCK) pyproject.toml --group build --output-file requirements.lock
	$(LOCK) pyproject.toml --group dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## remove what can be made again
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# .uv: an environment with the locked uv · .run: what the services need · .dev: what tests and checks need besides.
.venv/.uv: requirements.lock
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement .venv/uv.lock
	@touch $@

.venv/.run: .venv/.uv requirements.lock pyproject.toml
	$(call install,requirements.lock)
	@touch $@

.venv/.dev: .venv/.uv requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
	@touch .venv/.run $@

define install
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement $(1)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
endef

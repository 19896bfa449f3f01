# Every command a person needs; `make` alone lists them. It takes Python 3.11 or newer and make.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTHON_HERE := $(BIN)/python
MANAGE := $(PYTHON_HERE) manage.py
INSTALL := sh scripts/python.sh scripts/install.py
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header
TEMPLATES = $(shell find templates -name '*.html' 2>/dev/null)
# More words for the tool behind a command: make test ARGS="-k retry"
ARGS ?=

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

##@ Use it
.PHONY: demo demo-once up env
demo: install-demo env ## install, run the demo automation on a real model, serve; Ctrl-C stops
	@$(PYTHON_HERE) -m scripts.demo

demo-once: install-demo env ## the same, but end before serving
	@DEMO_SERVE=0 $(PYTHON_HERE) -m scripts.demo

up: install-demo env ## serve web and worker together
	@$(MANAGE) up $(ARGS)

env: install-demo ## write .env with fresh keys, unless it is there
	@$(PYTHON_HERE) -m scripts.environment

##@ Work on it
.PHONY: test coverage bench bench-peers check lint types imports format lock audit clean
test: install-dev ## the suite on SQLite and on PostgreSQL; ARGS go to pytest
	@$(PYTHON_HERE) -m scripts.test $(ARGS)

coverage: install-dev ## the suite on SQLite, with the lines that no test ran
	@$(PYTHON_HERE) -m coverage run -m pytest $(ARGS)
	@$(PYTHON_HERE) -m coverage report

bench: install-dev ## the numbers of the README, measured here; JSON in var/bench
	@$(PYTHON_HERE) -m benchmarks $(ARGS)

bench-peers: install-dev ## the same runs through Celery and Prefect, installed for the moment
	@$(PYTHON_HERE) -m benchmarks.peers $(ARGS)

lint: install-dev ## style of Python and of templates
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(if $(TEMPLATES),$(BIN)/djade --target-version 5.2 --check $(TEMPLATES))
	@$(if $(TEMPLATES),$(BIN)/djhtml --check $(TEMPLATES))

format: install-dev ## mend what lint can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@$(if $(TEMPLATES),$(BIN)/djade --target-version 5.2 $(TEMPLATES) || true)
	@$(if $(TEMPLATES),$(BIN)/djhtml $(TEMPLATES) || true)

types: install-dev ## mypy, strict
	@$(BIN)/mypy

imports: install-dev ## who may import whom
	@$(BIN)/lint-imports

check: install-dev ## Django's own checks as in production, and no migration forgotten
	@$(PYTHON_HERE) -m scripts.production check --deploy --fail-level WARNING
	@$(PYTHON_HERE) -m scripts.production makemigrations --check --dry-run

lock: install-dev ## requirements/*.txt from the .in files; ARGS=--upgrade for newer versions
	@for name in base local-model production dev; do \
		echo "requirements/$$name.txt"; \
		$(LOCK) $(ARGS) requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

audit: install-dev ## known vulnerabilities in what is pinned (asks the network)
	@$(PYTHON_HERE) -m scripts.audit

clean: ## remove .venv and caches; the data in var/ stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Behind the others
.PHONY: install-demo install-dev
install-demo: ## .venv with what running needs
	@$(INSTALL) local-model

install-dev: ## .venv with what tests and tools need
	@$(INSTALL) dev

# Erasure Desk. `make` alone lists what it can do. Needs Python 3.11 or newer; another one: make test PYTHON=python3.12

PYTHON ?= python3
ARGS ?=
BENCH ?= trail
BIN := .venv/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test suite matrix bench messages screenshots check lint types imports migrations format

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: .venv/installed-dev ## make or renew .venv with everything for development

demo: .venv/installed-test ## a desk with sample cases and stand-in vendors, until Ctrl-C
	$(BIN)/python manage.py demo $(ARGS)

test: .venv/installed-test ## the whole suite on SQLite (ARGS="-k words" for a part)
	env -u DATABASE_URL $(MAKE) --no-print-directory suite ARGS='$(ARGS)'

# The fast part on every core; then, three files at a time, what starts processes and a browser of its own and waits for
# them.
suite: .venv/installed-test ## the whole suite on DATABASE_URL
ifeq ($(ARGS),)
	@failed=0; set -x; \
	$(BIN)/python -m pytest -n auto --dist loadfile -m 'not slow and not browser' || failed=1; \
	$(BIN)/python -m pytest -n 3 --dist loadfile -m 'slow or browser' || failed=1; exit $$failed
else
	$(BIN)/python -m pytest $(ARGS)
endif

matrix: .venv/installed-test ## every step of every connector, ended at every point
	$(BIN)/python -m tests.matrix $(ARGS)

bench: .venv/installed-test ## what the trail costs; BENCH=storm, dead_vendor or memory: what a worker stands; lists: a million cases
	$(BIN)/python -m tests.benchmarks.$(BENCH) $(ARGS)

messages: .venv/installed-test ## bring the translations' files up to date with the code, and compile them
	@$(BIN)/python -m tests.messages

screenshots: .venv/installed-test ## the pictures of docs/screenshots, from a desk with a case in every state
	$(BIN)/python -m pytest tests/screenshots.py -q

check: lint types imports migrations ## lint, format, types, import contract, migrations

# The settings want a key and a folder, also where nothing but their names is read.
types imports migrations: export SECRET_KEY = for-checks-alone
types imports migrations: export DATA_DIR = .venv/checks

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/mypy

imports: .venv/installed-dev
	$(BIN)/lint-imports

migrations: .venv/installed-dev
	env -u DATABASE_URL $(BIN)/python manage.py makemigrations --check --dry-run

format: .venv/installed-dev ## rewrite the code as `make check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Erasure Desk needs Python 3.11 or newer, and $(PYTHON) is not. Name one that is: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $@

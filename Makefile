PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
RUN := $(BIN)/python -m bulkimport
ACCOUNT ?= 1
.DEFAULT_GOAL := help
# Tests start dozens of processes, each of which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A recipe below needs the environment: Python packages exactly as requirements.lock pins them.
.venv/installed: requirements.lock setup.cfg pyproject.toml
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	"$(PYTHON)" -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: setup
setup: .venv/installed ## Make the Python environment in .venv

.PHONY: demo
demo: .venv/installed ## Start everything, import the examples (CSV and Excel), show the jobs, stop everything
	@$(RUN) dev demo

.PHONY: run
run: .venv/installed ## Serve on PORT (8000) until Ctrl-C
	@$(RUN) dev run

.PHONY: token
token: .venv/installed ## Print a token for ACCOUNT (1)
	@$(RUN) token --account "$(ACCOUNT)"

.PHONY: psql
psql: .venv/installed ## Open psql on the development database as its administrator
	@$(RUN) dev psql

# Files side by side, the long ones first; a file stays whole, for what its tests share.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 10

.PHONY: check
check: lint ## Lint, and run the unit and integration tests: the inner loop
	$(PYTEST) -m "not slow" tests/integration tests/unit

.PHONY: test
test: .venv/installed ## Run the whole test suite
	$(PYTEST) tests/e2e tests/browser tests/integration tests/unit

.PHONY: test-postgres
test-postgres: .venv/installed ## Run the integration tests with each PostgreSQL that is installed (OTHERS=1: not the default)
	$(BIN)/python -m tests.support.postgres_versions $(if $(OTHERS),--others) $(PYTEST) tests/integration

.PHONY: clients
clients: .venv/installed ## Generate clients from /openapi.json and call the service with them, about 2 minutes
	$(PYTEST) tests/clients

# What would lock a table for long, in the files that a release runs. Not asked for:
# - require-*-timeout: src/bulkimport/database/migrations.py sets both
# - prefer-bigint-*: an account is an int by the platform's choice; a file has a million rows at most
# - prefer-text-field: the lengths of an asset's texts are the platform's
SQUAWK := $(BIN)/squawk --pg-version 15.0 --assume-in-transaction --exclude $\
	require-lock-timeout,require-statement-timeout,$\
	prefer-bigint-over-int,prefer-bigint-over-smallint,prefer-text-field

# What another user's objects could turn. Not asked for:
# - PS001, PS016: src/bulkimport/database/migrations.py sets a search_path in which operators and functions are PostgreSQL's own
# - PS010: the platform has made the schema
# - PS014: indexes of large tables are made by hand before the release
PGSPOT := $(BIN)/pgspot --ignore PS001 --ignore PS016 --ignore PS010 --ignore PS014

# Wording to avoid; "there is no" and "is no longer" are fine. The brackets keep the list from matching itself.
WORDS := [m]end(s|ed|ing)?|[h]and(s|ed|ing)? (in|on|out|back)|in [h]and|in [v]ain|[d]oubled(?!-columns)|of [b]efore|$\
	[h]ad in|(not|be) [h]ad|(?<!there )is [n]o(?! longer| more)|(?<!there )is (?-i:[n]one)
TEXTS := src tests docs deploy sql bench examples .ci README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md Makefile setup.cfg

.PHONY: lint
lint: .venv/installed ## Check style, types, wording and migrations
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(SQUAWK) sql/*.up.sql
	@$(PGSPOT) --summary-only sql/*.sql > /dev/null || $(PGSPOT) sql/*.sql
	@grep -rInwiP '$(WORDS)' $(TEXTS) --exclude-dir=swagger_ui --exclude='*.lock'; test $$? -eq 1 || \
		{ echo "make lint: reword these lines; WORDS in the Makefile lists what to avoid" >&2; exit 1; }

.PHONY: audit
audit: .venv/installed ## Ask a public database about vulnerabilities of what requirements.lock pins
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements.lock || \
		{ echo "make audit: there are vulnerabilities, or the database could not be asked; see above" >&2; exit 1; }

.PHONY: format
format: .venv/installed ## Fix style where that is automatic
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

.PHONY: fuzz
fuzz: .venv/installed ## Try thousands of random files, imports and interleavings, more than an hour
	$(BIN)/python -m pytest --hypothesis-profile=fuzz --full tests/unit tests/integration \
		-k 'any_bytes_give or any_bytes_are or follows_the_rules or no_order_of_statements or no_interleaving'

.PHONY: fuzz-api
fuzz-api: .venv/installed ## Call each operation 2,000 times as described, and not
	$(BIN)/python -m pytest --full tests/e2e/test_description.py

.PHONY: chaos
chaos: .venv/installed ## Kill, stop, cut and restart everything many times, about an hour
	$(BIN)/python -m pytest --full tests/e2e/chaos

.PHONY: soak
soak: .venv/installed ## Keep 20 accounts busy for MINUTES (10), with kills and restarts, and look for leaks
	$(BIN)/python -m pytest --capture=no --minutes "$(or $(MINUTES),10)" tests/soak

.PHONY: bench
bench: .venv/installed ## Measure speed and memory against yardsticks, about 20 minutes
	$(BIN)/python -m bench

.PHONY: sizes
sizes: .venv/installed ## Measure what a row, a job and a process cost, about 2 minutes
	$(BIN)/python -m bench.sizes

.PHONY: db-migrate-up
db-migrate-up: .venv/installed ## Apply the migrations that are missing
	@$(RUN) dev migrate up

.PHONY: db-migrate-down
db-migrate-down: .venv/installed ## Undo the last migration (N=1); asks if N > 1, unless YES=1
	@$(RUN) dev migrate down "$(or $(N),1)" $(if $(YES),--yes)

.PHONY: db-migrate-status
db-migrate-status: .venv/installed ## Show which migrations are applied
	@$(RUN) dev migrate status

.PHONY: db-migrate-force
db-migrate-force: .venv/installed ## Set the recorded version by hand (VERSION=n)
	@$(RUN) dev migrate force "$(or $(VERSION),$(error name the version: make db-migrate-force VERSION=n))"

.PHONY: lock
lock: .venv/installed ## Renew requirements.lock from setup.cfg, and of it what a server needs
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --extra dev --upgrade \
		--generate-hashes --no-header --no-annotate --output-file requirements.lock setup.cfg
	echo setuptools | $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 \
		--constraint requirements.lock --generate-hashes --no-header --no-annotate \
		--output-file deploy/requirements.lock setup.cfg -

.PHONY: clean
clean: ## Remove the environment, the development database and build output
	rm -rf .venv var build dist src/*.egg-info

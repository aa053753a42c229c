# Real Estate OS. Two commands matter to a newcomer: `make demo` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help demo up down status clean token check test bench docs lock shell
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python
BOOTSTRAP := local/bootstrap.sh
TENANT ?= lakeside
ROLE ?= viewer
DATA ?=
NAME ?=
ARGS ?=
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## install, start, run two tenants through the five stages, show the result (DATA=../shared/data: larger real sets)
	@$(BOOTSTRAP) demo
	@$(PYTHON) -m local demo $(if $(DATA),--data $(DATA))

up: ## start the servers, migrate, start Airflow and the API
	@$(BOOTSTRAP) run
	@$(PYTHON) -m local up

down: ## stop every process that up or demo started
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local down; fi

status: ## what runs, where, since when
	@$(BOOTSTRAP) run
	@$(PYTHON) -m local status

clean: ## stop everything and remove .estate: data, ports, secrets, logs
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local clean; else rm -rf .estate; fi

token: ## print an access token of the API (TENANT=lakeside ROLE=viewer|analyst|admin)
	@$(BOOTSTRAP) run
	@$(PYTHON) -m local token $(TENANT) $(ROLE)

check: ## format, lint, types, import contracts, generated documents
	@$(BOOTSTRAP) dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) -m estate.docs --check

test: ## all tests, against servers of their own (ARGS="tests/ingest -k latin")
	@$(BOOTSTRAP) dev
	$(PYTHON) -m pytest -n 2 --dist loadfile $(if $(ARGS),$(ARGS),--cov)

bench: ## measure (NAME=pipeline|publish|provenance|spatial|growth|comparables|valuation|api|features, all without)
	@$(BOOTSTRAP) dev
	@$(PYTHON) -m bench $(NAME) $(if $(PART),--part $(PART))

docs: ## write the generated documents
	@$(BOOTSTRAP) run
	@$(PYTHON) -m estate.docs

lock: ## pin the requirements anew, with hashes; delete a lock first to take newer releases
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt
	$(LOCK) requirements-demo.in -o requirements-demo.txt --no-deps

shell: ## a shell with the environment of every process, and of feast in feature_repo/ for TENANT=lakeside
	@$(BOOTSTRAP) run
	@$(PYTHON) -m local run --tenant $(TENANT) -- $${SHELL:-/bin/sh}

.DEFAULT_GOAL := help
SHELL := /bin/bash
.PHONY: help setup dev demo browser test check bench lock clean

PY := .venv/bin/python

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/.ready ## Prepare the environment (.venv/bin/proctor is the command)

dev: .venv/.ready-dev ## Prepare what checks and tests need beside it

.venv/.ready: requirements.lock pyproject.toml scripts/setup
	@scripts/setup

.venv/.ready-dev: requirements-dev.lock requirements.lock pyproject.toml scripts/setup
	@scripts/setup dev

demo: setup ## Run the demo; MODEL=openai:NAME plans with a real model
	@.venv/bin/proctor demo $(if $(MODEL),--model $(MODEL))

check: dev ## Format, lint, types, import contracts
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

browser: ## Install a browser for the tests of the approval page, where that is possible
	@scripts/browser

test: dev ## Run all tests, on real embedded parts
	@$(PY) -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder --durations=30 --durations-min=5

bench: dev ## Measure, beside a bare hand-written loop
	@$(PY) -m benchmarks

lock: dev ## Renew both locks from pyproject.toml (names, versions and hashes only)
	@scripts/lock

clean: ## Remove environment and state
	@rm -rf .venv .proctor

# What there is to do here, each in one word. Everything else is in the scripts of dev/.
.DEFAULT_GOAL := help
.PHONY: help run lint test deploy-test host-test check clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: ## the whole service at http://127.0.0.1:8000/, its data in .local/ (PORT and LOCAL_DIR change that)
	@dev/venv local && exec .venv/bin/python -m dev.runlocal

lint: ## every static check, step by step
	@dev/setup-tests && dev/lint

test: ## all tests against real servers; make test ARGS="-k words" chooses
	@dev/setup-tests && .venv/bin/python -m pytest $(ARGS)

deploy-test: ## the shipped image and compose file on a Docker Engine of its own; needs root, ten minutes
	@dev/setup-tests && .venv/bin/python -m pytest tests/deploy_docker $(ARGS)

host-test: ## a fresh Debian made a host, Fail2ban's jails in it, backup and restore; needs root, five minutes
	@dev/setup-tests && .venv/bin/python -m pytest tests/host $(ARGS)

check: ## what must pass before a change lands: lint, then test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test

clean: ## removes .venv and what tools cached; the data in .local/ stay
	rm -rf .venv .venv.lock .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
INTEGRATIONS := $(patsubst %/pyproject.toml,%,$(wildcard integrations/*/pyproject.toml))

.DEFAULT_GOAL := help
.PHONY: help demo test lint fix audit

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## run both example apps (sets everything up the first time)
	$(BIN)/python examples/llamaindex_query_engine.py
	$(BIN)/python examples/langchain_retriever_chain.py

test: $(READY) ## run every test (sets everything up the first time)
	$(BIN)/python -m pytest

audit: $(READY) ## measure recall and near-miss rejection of the shipped default
	$(BIN)/compositional-rerank audit

lint: $(READY) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(READY) ## repair style where that is automatic
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Runs again only when a dependency list changes, so that a second run needs no network.
$(READY): pyproject.toml constraints.txt $(INTEGRATIONS:%=%/pyproject.toml)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -e '.[dev]' $(INTEGRATIONS:%=-e ./%)
	touch $@

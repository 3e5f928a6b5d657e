PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
DEMO := .venv-demo
DEMO_READY := $(DEMO)/.installed
CLIENTS := .venv-clients
CLIENTS_READY := $(CLIENTS)/.installed
TORCH = $(DEMO)/lib/python*/site-packages/torch
INTEGRATIONS := $(patsubst %/pyproject.toml,%,$(wildcard integrations/*/pyproject.toml))
DEMO_INTEGRATIONS := $(filter-out integrations/haystack-%,$(INTEGRATIONS))  # neither app uses Haystack
PROJECTS := pyproject.toml $(INTEGRATIONS:%=%/pyproject.toml)

.DEFAULT_GOAL := help
.PHONY: help demo test redis lint fix docs audit bench clients ray fuzz secure wheels checkpoint

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO_READY) ## run both example apps, with only what a user installs (sets it up the first time)
	$(DEMO)/bin/python examples/both.py

test: $(READY) redis ## run every test in two processes (sets everything up the first time)
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist loadfile -rfEs

# Tests start a server of their own; Debian's package may start another one, which they leave alone.
redis: ## find redis-server for the tests of the shared store, or as root on Debian install it
	@command -v redis-server >/dev/null || command -v valkey-server >/dev/null \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	    && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends redis-server; } \
	  || echo "redis-server is missing, so that the tests of the shared store are SKIPPED; to run them:" \
	    "sudo apt-get install redis-server, or brew install redis"

lint: $(READY) ## check style, types, and that generated pages are what their files say
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/help_page.py --check
	$(BIN)/python benchmarks/result_pages.py --check

fix: $(READY) ## repair style where that is automatic, and write generated pages anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python docs/help_page.py
	$(BIN)/python benchmarks/result_pages.py

docs: $(READY) ## build the documentation's site into build/site
	PIP_CONSTRAINT=constraints/test.txt $(BIN)/python -m pip install -q -e '.[docs]'
	$(BIN)/mkdocs build --strict

audit: $(READY) ## measure recall and near-miss rejection of the shipped default
	$(BIN)/compositional-rerank audit

bench: $(READY) ## measure speed, in a short form; benchmarks/NAME.py without --short is the full one
	PIP_CONSTRAINT=constraints/test.txt $(BIN)/python -m pip install -q -e '.[bench]'
	for name in kernel encode rerank store scaling soak serve; do $(BIN)/python benchmarks/$$name.py --short || exit 1; done

clients: $(READY) $(CLIENTS_READY) ## ask a running service with the clients of other projects (sets them up the first time)
	$(BIN)/python benchmarks/clients.py

ray: $(READY) ## test warming on a Ray cluster of two nodes, of which one is killed; takes minutes
	PIP_CONSTRAINT=constraints/test.txt $(BIN)/python -m pip install -q -e '.[ray]'
	$(BIN)/python -m pytest -m slow tests/warming

fuzz: $(READY) ## 100,000 random and hostile inputs; benchmarks/fuzz.py --help says more
	PIP_CONSTRAINT=constraints/test.txt $(BIN)/python -m pip install -q -e '.[fuzz]'
	$(BIN)/python benchmarks/fuzz.py

secure: $(READY) ## look for known holes in the pinned dependencies, and for secrets in the repository
	PIP_CONSTRAINT=constraints/test.txt $(BIN)/python -m pip install -q -e '.[secure]'
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --exclude-lines '[0-9a-f]{64}'
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement constraints/test.txt

wheels: $(READY) ## build the wheels of the library and its adapters into dist/
	for project in . $(INTEGRATIONS); do $(BIN)/python -m pip wheel -q --no-deps -w dist $$project || exit 1; done

checkpoint: $(READY) ## make the shipped verifier again by its recipe: make checkpoint DATA=folder OUT=folder
	test -n "$(DATA)" && test -n "$(OUT)"
	$(BIN)/compositional-rerank train verifier --recipe all-minilm-l6-v2 --data $(DATA) --out $(OUT)

# Both run again only when a list of dependencies changes, so that a second run needs no network.
$(READY): $(PROJECTS) constraints/test.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints/test.txt $(BIN)/python -m pip install -e '.[dev]' $(INTEGRATIONS:%=-e ./%)
	touch $@

# Without bytecode of modules that nobody imports, and without torch's headers, C++ tests and tools.
$(DEMO_READY): $(PROJECTS) constraints/demo.txt
	test -x $(DEMO)/bin/python || $(PYTHON) -m venv $(DEMO)
	PIP_CONSTRAINT=constraints/demo.txt $(DEMO)/bin/python -m pip install --no-compile hatchling editables
	PIP_CONSTRAINT=constraints/demo.txt $(DEMO)/bin/python -m pip install --no-compile --no-build-isolation \
	  -e '.[offline]' $(DEMO_INTEGRATIONS:%=-e ./%)
	rm -rf $(foreach part,include test,$(TORCH)/$(part))
	find $(TORCH)/bin -type f ! -name torch_shm_manager -delete
	touch $@

# Apart from ours, because their ranges of dependencies are not ours.
$(CLIENTS_READY): constraints/clients.txt
	test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/python -m pip install -c constraints/clients.txt langchain-cohere huggingface-api-haystack \
	  $(foreach name,cohere jinaai tei,llama-index-postprocessor-$(name)-rerank)
	touch $@

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
DEMO := .venv-demo
DEMO_READY := $(DEMO)/.installed
TORCH = $(DEMO)/lib/python*/site-packages/torch
INTEGRATIONS := $(patsubst %/pyproject.toml,%,$(wildcard integrations/*/pyproject.toml))
PROJECTS := pyproject.toml $(INTEGRATIONS:%=%/pyproject.toml)
SHIPPED := src/compositional_rerank/checkpoints/default
AUDIT = $(BIN)/compositional-rerank audit --backend openvino --sensitivity 0.35
DEV = $(foreach set,paws_qqp scramble,--pairs $(DATA)/pairs/dev/$(set).jsonl) \
  $(foreach edit,att obj rel,--triples $(DATA)/triples/dev/sugarcrepe_pp_replace_$(edit).jsonl)

.DEFAULT_GOAL := help
.PHONY: help demo test lint fix docs audit bench wheels card checkpoint

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO_READY) ## run both example apps, with only what a user installs (sets it up the first time)
	$(DEMO)/bin/python examples/both.py

test: $(READY) ## run every test in two processes (sets everything up the first time)
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist loadfile

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
	for name in kernel encode rerank store scaling; do $(BIN)/python benchmarks/$$name.py --short || exit 1; done

wheels: $(READY) ## build the three wheels into dist/
	for project in . $(INTEGRATIONS); do $(BIN)/python -m pip wheel -q --no-deps -w dist $$project || exit 1; done

card: $(READY) ## audit the shipped checkpoint on public data and write its model card: make card DATA=folder OUT=folder
	test -n "$(DATA)" && test -n "$(OUT)"
	$(AUDIT) $(foreach set,cisi nfcorpus scifact,--beir $(DATA)/beir/$(set)) --out $(OUT)/retrieval
	$(AUDIT) $(DEV) --suite builtin --out $(OUT)/near_misses
	for part in retrieval near_misses; do cp $(OUT)/$$part/audit.json benchmarks/results/audit_$$part.json || exit 1; done
	$(BIN)/python benchmarks/model_card.py --checkpoint $(SHIPPED) \
	  --notes benchmarks/results/training_notes.md --audit benchmarks/results/audit_near_misses.json \
	  --audit benchmarks/results/audit_retrieval.json

checkpoint: $(READY) ## train the shipped checkpoint again, in seventeen stages: make checkpoint DATA=folder OUT=folder
	test -n "$(DATA)" && test -n "$(OUT)"
	from=all-MiniLM-L6-v2; for stage in first second third fourth fifth sixth; do \
	  $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe $$stage --from $$from \
	    --out $(OUT).$$stage || exit 1; from=$(OUT).$$stage; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).fifth --checkpoint $(OUT).sixth --out $(OUT).mean
	$(BIN)/compositional-rerank train verifier --data $(DATA) --recipe seventh --from $(OUT).mean --out $(OUT).seventh
	$(BIN)/compositional-rerank train verifier --data $(DATA) --recipe eighth --from $(OUT).seventh --out $(OUT).eighth
	for seed in 27 28; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe ninth --seed $$seed \
	  --from $(OUT).eighth --out $(OUT).ninth.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).ninth.27 --checkpoint $(OUT).ninth.28 --out $(OUT).ninth
	for seed in 29 30; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe ninth --seed $$seed --epochs 0.5 \
	  --from $(OUT).ninth --out $(OUT).half.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).half.29 --checkpoint $(OUT).half.30 --out $(OUT).half
	for seed in 31 32; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe tenth --seed $$seed \
	  --from $(OUT).half --out $(OUT).tenth.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).tenth.31 --checkpoint $(OUT).tenth.32 --out $(OUT).tenth
	for seed in 33 34; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe eleventh --seed $$seed \
	  --from $(OUT).tenth --out $(OUT).eleventh.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).eleventh.33 --checkpoint $(OUT).eleventh.34 \
	  --out $(OUT).eleventh
	for seed in 35 36; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe twelfth --seed $$seed \
	  --from $(OUT).eleventh --out $(OUT).twelfth.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).twelfth.35 --checkpoint $(OUT).twelfth.36 \
	  --out $(OUT).twelfth
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).twelfth --checkpoint $(OUT).tenth \
	  --out $(OUT).both
	for seed in 37 38; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe thirteenth --seed $$seed \
	  --from $(OUT).both --out $(OUT).thirteenth.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).thirteenth.37 --checkpoint $(OUT).thirteenth.38 \
	  --out $(OUT).thirteenth
	for seed in 39 40; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe fourteenth --epochs 0.7 --seed $$seed \
	  --from $(OUT).thirteenth --out $(OUT).fourteenth.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).fourteenth.39 --checkpoint $(OUT).fourteenth.40 \
	  --out $(OUT).fourteenth
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).fourteenth --checkpoint $(OUT).thirteenth --out $(OUT).four
	for seed in 41 42; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe fifteenth --seed $$seed \
	  --from $(OUT).four --out $(OUT).fifteenth.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).fifteenth.41 --checkpoint $(OUT).fifteenth.42 \
	  --out $(OUT).fifteenth
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).fifteenth --checkpoint $(OUT).four --out $(OUT).six
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).fifteenth --checkpoint $(OUT).six --out $(OUT).most
	for seed in 43 44; do $(BIN)/compositional-rerank train verifier --data $(DATA) --recipe sixteenth --seed $$seed \
	  --from $(OUT).most --out $(OUT).sixteenth.$$seed || exit 1; done
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).sixteenth.43 --checkpoint $(OUT).sixteenth.44 \
	  --out $(OUT).sixteenth
	$(BIN)/python benchmarks/mean_checkpoint.py --checkpoint $(OUT).sixteenth --checkpoint $(OUT).most --out $(OUT).last
	$(BIN)/python benchmarks/projection_texts.py --data $(DATA) --out $(OUT).texts.jsonl
	$(BIN)/compositional-rerank train projection --corpus $(OUT).texts.jsonl --from $(OUT).last --out $(OUT).projected
	$(BIN)/compositional-rerank train embedder --data $(DATA) --from $(OUT).projected --out $(OUT)
	$(BIN)/python benchmarks/fit_gate.py --checkpoint $(OUT) --beir $(DATA)/beir/nfcorpus:dev $(DEV) \
	  --limit 700 --keep-gate --out benchmarks/results/fit_gate.json --write

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
	  -e '.[offline]' $(INTEGRATIONS:%=-e ./%)
	rm -rf $(foreach part,include test,$(TORCH)/$(part))
	find $(TORCH)/bin -type f ! -name torch_shm_manager -delete
	touch $@

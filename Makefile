# On a fresh machine `make demo` and `make test` do the whole set-up themselves, in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# a file's tests run in one process, where they share what is dear; each process would compile the integrator for itself
ONE    := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest
PYTEST := $(ONE) -n auto --dist loadfile
# what runs with every annotation checked in `make test`, not those of arrays alone: that costs more than the tests themselves
ANNOTATED := $(addprefix tests/,numeric/test_audit_verdicts.py numeric/test_thresholds.py symbolic/test_codegen.py)

# hundreds of processes that tests start read the package's modules: each would compile them for itself
unexport PYTHONDONTWRITEBYTECODE

# the core of each folder, for `make quick`
CORE := api/test_results docs/test_site numeric/test_audit_verdicts numeric/test_health \
        numeric/test_thresholds numeric/test_weights_formats package paper_figures/test_figure_results \
        proofs/test_dependencies proofs/test_differences proofs/test_refuted symbolic/test_codegen \
        symbolic/test_ends symbolic/test_step_control

.PHONY: demo test quick nightly mutation guided lint prove figures docs docs-check generated docs-theory bench dist clean
.DELETE_ON_ERROR:

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[rigorous,cpu,demo]'
	touch $@

# torch comes first and pinned, so that no other requirement chooses a build of it
$(VENV)/.test: $(VENV)/.demo
	$(PIP) torch==2.13.0
	$(PIP) -e '.[torch,rigorous,cpu,experiments,test,dev]'
	touch $@

demo: $(VENV)/.demo
	$(BIN)/python -m s6flow.demo

test: $(VENV)/.test lint
	$(BIN)/python tests/plugins/compiled.py
	$(PYTEST) $(addprefix --ignore=,$(ANNOTATED))
	S6FLOW_ANNOTATIONS=1 $(ONE) $(ANNOTATED)

quick: $(VENV)/.test lint
	$(PYTEST) $(foreach part,$(CORE),$(firstword $(wildcard tests/$(part).py tests/$(part))))

nightly: $(VENV)/.test
	$(BIN)/python tests/plugins/compiled.py
	$(PYTEST) -m "slow or nightly"
	S6FLOW_ANNOTATIONS=1 $(PYTEST)
	$(BIN)/python tests/fuzz/campaign.py --count 100000 --longest 100000 --processes 2 --json tests/fuzz/report.json
	$(BIN)/python tests/faults/campaign.py --each 200 --processes 2 --minutes 180 --json tests/faults/report.json || [ $$? = 3 ]
	$(BIN)/python -m s6flow.numeric.checks.nightly --examples 20000 --out proofs/nightly.json

# hostile bytes guided by the coverage of the readers, for ten minutes; Atheris is installed for this alone
guided: $(VENV)/.test
	$(PIP) atheris==3.0.0
	$(BIN)/python tests/fuzz/guided.py --folder out/guided --seconds 600

# mutants of the code that decides; goes on where it was ended (see tests/mutation/report.md)
mutation: $(VENV)/.test
	$(BIN)/python -m tests.mutation
	$(BIN)/python -m tests.mutation --write

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python docs/import_graph.py --check

prove: $(VENV)/.demo
	$(BIN)/s6flow prove

figures: $(VENV)/.demo
	$(BIN)/s6flow figures

$(VENV)/.docs: $(VENV)/.test
	$(PIP) -e '.[docs]'
	touch $@

# the site in out/site, notebooks executed; warnings are errors, and nothing is fetched
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# the site in headless Chromium (CHROMIUM names another one): phone and desktop, light and dark
docs-check: docs
	$(BIN)/python tests/docs/site_browser.py out/site

# committed files that are written from the code: boxes of docs/theory and their headings, then the index of the
# library, which cites these, coefficients of integrators, and the pages on health
generated docs-theory: $(VENV)/.demo
	$(BIN)/python -m s6flow.symbolic.codegen.polynomials
	$(BIN)/python -m s6flow.symbolic.programs.build
	$(BIN)/python -m s6flow.proofs.checked
	$(BIN)/python -m s6flow.proofs.theory_boxes docs/theory
	$(BIN)/python -m s6flow.proofs.index
	$(BIN)/python -m s6flow.paper_figures.rates
	$(BIN)/python -m s6flow.numeric.flow.pairs
	$(BIN)/python -m s6flow.numeric.health.pages
	$(BIN)/python -m s6flow.api.schemas

bench: $(VENV)/.test
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/cpu_flow.py

# the source distribution and the wheel, tried in a fresh environment outside of the checkout
dist: $(VENV)/.test
	$(BIN)/python tests/package/wheel.py --out dist

clean:
	rm -rf $(VENV) out build dist *.egg-info

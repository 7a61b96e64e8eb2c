# accelsim: every target makes the environment it needs in .venv; nothing else has to be installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := $(VENV)/.installed
RUN := reports/m3vit-edge-moe
PRECISIONS := --precision float32 --precision int8 --precision int8/int4 \
	--precision 'fixed<16,6>' --precision 'fixed<16,6,AP_RND,AP_SAT>'
SYSTEMS := m3vit padnet pruning-adapter pdcnet densemtl

.PHONY: env demo data accuracy test test-fast browser lint format bench conformance models reports pictures clean

env: $(STAMP)

$(STAMP): pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "accelsim needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(PIP) install --quiet --editable '.[all,dev]'
	$(BIN)/accelsim doctor
	@touch $@

demo: $(STAMP)
	$(BIN)/accelsim run m3vit-tiny edge-moe-zcu102 --task semseg --out $(RUN)

data: $(STAMP)
	$(BIN)/python -m models.train.prepare

accuracy: data
	$(BIN)/python -m models.train $(ROWS)
	$(BIN)/accelsim evaluate '*-mini*' $(PRECISIONS) --against torch --out reports/accuracy.csv
	@for k in 1 2 8; do $(BIN)/accelsim evaluate m3vit-mini -a top_k=$$k \
		--precision float32 --precision int8 --out reports/accuracy.csv || exit 1; done

test: lint data browser
	$(BIN)/python -m pytest -n 2

test-fast: $(STAMP)
	$(BIN)/python -m pytest -n 2 -m 'not slow'

browser:
	@sh tests/browser.sh

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

conformance: $(STAMP)
	$(BIN)/python -W ignore -m tests.conformance.onnx_cases
	$(BIN)/python -W ignore -m tests.frontends.onnx_mutations
	$(BIN)/python -W ignore -m tests.conformance.exported_models

models: $(STAMP)
	$(BIN)/python -W ignore -m tests.conformance.shipped_models $(MODELS)

reports: demo
	$(BIN)/accelsim validate > reports/validation.txt
	$(BIN)/python -W ignore -m models.claims
	@for name in $(SYSTEMS); do rm -rf build/accuracy-$$name; \
		$(BIN)/accelsim sweep accuracy-$$name --jobs 2 --out build/accuracy-$$name && \
		$(BIN)/accelsim pareto build/accuracy-$$name --color model --plot reports/accuracy-$$name.svg \
			> reports/accuracy-$$name.txt || echo "reports: accuracy-$$name is not drawn" >&2; done

pictures: demo browser
	$(BIN)/accelsim sweep benchmarks/page.yaml --out build/page.sweep --jobs 2
	$(BIN)/python -m tests.report.page.pictures $(RUN) build/page.sweep reports

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

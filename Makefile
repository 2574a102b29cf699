# One command for each thing; all are quick the second time.
#   make demo    a working map with the sample city     make setup   what demo and test share
#   make test    the whole test suite                   make check   format, lint, types, imports, audit
#   make bench   docs/benchmarks.md                     make calibration   docs/calibration.md

PYTHON ?= python3
PYTEST_OPTIONS ?= -q -n auto --maxprocesses 4 --dist loadfile
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PIP_LOCKED := $(PIP) install --require-hashes --only-binary :all:
WEB := service/web
WEB_SOURCES := $(shell find $(WEB) -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

.PHONY: demo setup test check audit bench calibration lock clean
.DELETE_ON_ERROR:

setup: $(VENV)/.installed service/static/map/index.html

demo: setup
	$(BIN)/emberline demo $(DEMO_OPTIONS)

test: setup $(VENV)/.installed-test
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)
	cd $(WEB) && ../../scripts/npm.sh test

check: setup $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd $(WEB) && ../../scripts/npm.sh run check

# Asks the index for known weaknesses of the pinned versions; needs the network.
audit: $(VENV)/.installed-test
	$(BIN)/pip-audit --requirement requirements/runtime.txt --disable-pip --progress-spinner off

bench: setup $(VENV)/.installed-test
	$(BIN)/python -m tests.benchmarks.report

calibration: setup $(VENV)/.installed-test
	$(BIN)/python -m tests.studies.calibration
	$(BIN)/python -m tests.studies.calibration_scan --out docs/calibration.md
	$(BIN)/python -m tests.studies.calibration_corridors --out docs/calibration.md
	$(BIN)/python -m tests.studies.calibration_gaps
	$(BIN)/python -m tests.studies.calibration_surveillance --out docs/calibration-surveillance.md

lock:
	./scripts/lock.sh

clean:
	rm -rf $(VENV) $(WEB)/node_modules service/static/map

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/runtime.txt pyproject.toml | $(BIN)/python
	$(PIP_LOCKED) -r requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	-$(BIN)/python -m compileall -q service models data spatial
	touch $@

$(VENV)/.installed-test: requirements/test.txt $(VENV)/.installed
	$(PIP_LOCKED) -r requirements/test.txt
	touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json $(VENV)/.installed
	cd $(WEB) && ../../scripts/npm.sh ci --no-audit --no-fund
	touch $@

service/static/map/index.html: $(WEB_SOURCES) $(WEB)/node_modules/.package-lock.json
	cd $(WEB) && ../../scripts/npm.sh run build
	touch $@

# Two commands: `make run` and `make test`. Every target installs what it needs first.
PYTHON ?= python3
PORT ?= 8000
DEMO ?= 1
VENV := .venv
PY := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: install install-dev run test lint audit bench bench-sparsity bench-steady client screenshot

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "recadmin needs Python 3.11 or newer, and '$(PYTHON)' is not: make run PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt requirements-data.txt | $(VENV)/bin/python
	$(PY) -m pip install --quiet -r requirements.txt
	$(PY) -m pip install --quiet --no-deps -r requirements-data.txt
	$(PY) -m updates.learners.compile
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt requirements-neighbours.txt $(VENV)/installed
	$(PY) -m pip install --quiet -r requirements-dev.txt -r requirements-neighbours.txt
	@touch $@

run: install
	@$(PY) manage.py up --port $(PORT) $(if $(filter 1,$(DEMO)),--demo) || \
		{ status=$$?; [ $$status -eq 130 ] || exit $$status; }

test: install-dev
	$(PY) -m pytest -n auto --dist loadgroup --ignore tests/browser
	$(PY) -m pytest tests/browser

lint: install-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

audit: install-dev
	$(PY) -m pip install --quiet pip-audit
	$(PY) -m pip_audit --requirement requirements.txt --requirement requirements-dev.txt --no-deps --disable-pip

bench: install-dev
	$(PY) -m tests.benchmarks

bench-sparsity: install-dev
	$(PY) manage.py compare_sparsity

bench-steady: install-dev
	$(PY) -m tests.benchmarks.steady_load

# The wheel of the Python client, in client/dist/.
client: install
	@rm -rf client/build client/dist
	$(PY) -m pip wheel --quiet --no-deps --wheel-dir client/dist ./client

screenshot: install-dev
	$(PY) -m tests.screenshot

# `make demo` and `make test` need git, Python 3.11 or newer, and nothing else.
# The virtual environment is made on the first call and kept in .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
JOBS ?= 2

# make wheel-check PYTHONS="3.11 3.12 3.13" EXTRAS=models CONSTRAINTS=
PYTHONS ?=
EXTRAS ?=
CONSTRAINTS ?= constraints.txt

.PHONY: demo test check docs notebooks wheel-check lowest format clean

# One thread: in a network this small more of them wait for each other longer than they work.
demo: export OMP_NUM_THREADS = 1
demo: $(VENV)/.demo
	$(BIN)/thb train baseline --protocol all --release mini --out $(DEMO)/baseline
	$(BIN)/thb evaluate $(DEMO)/baseline --protocol all --release mini
	$(BIN)/thb report $(DEMO)/baseline --out $(DEMO)/report.html
	$(BIN)/python scripts/draw_overview.py $(DEMO)/baseline --out $(DEMO)/overview.png
	@echo
	@echo 'Look at next:'
	@echo '  $(DEMO)/overview.png   a fake, where the detector looked, scores over time, P1 to P3'
	@echo '  $(DEMO)/report.html    everything that was measured, on one page for a browser'
	@echo 'Do next:'
	@echo '  $(BIN)/thb gallery $(DEMO)/baseline --protocol p3 --release mini   # what it missed'
	@echo '  $(BIN)/thb predict gend my_clip.mp4   # a video of yours, by weights from the Hub'
	@echo '  README.md, docs/index.md              # your detector, your generator, the real data'

# The browser comes last and alone: beside a full machine its pages wait longer than a test may.
test: export THB_NOTEBOOKS_OUT = build/notebooks
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not browser"
	$(BIN)/python -m pytest tests/spaces -m browser --exitfirst

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site of docs/ into site/; a warning is an error, and nothing is asked of the network.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.docs
	$(BIN)/python -m mkdocs build --quiet

# The notebooks of docs/notebooks, run; then the site shows them with their outputs.
notebooks: export THB_NOTEBOOKS_OUT = build/notebooks
notebooks: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests/notebooks
	$(MAKE) docs

# Sdist and wheel, and the wheel in an empty environment of each Python, as its users get it.
wheel-check: $(VENV)/.release
	$(BIN)/python scripts/try_wheel.py $(PYTHONS:%=--python %) $(EXTRAS:%=--extra %) $(CONSTRAINTS:%=--constraint %)

# The oldest versions that pyproject.toml allows, but the newest torch that was tried: an old one
# is a download of gigabytes. Everything that they need in turn is of today.
LOWEST := $(VENV)/lowest
LOWEST_TOOLS := hypothesis jsonschema matplotlib pytest pytest-timeout pytest-xdist scikit-learn
LOWEST_TESTS := tests/thb_dataset tests/metrics tests/thb/evaluation tests/thb/exchange \
	tests/contracts/test_commands.py tests/contracts/test_facade.py
lowest: $(VENV)/.release
	$(PYTHON) -m venv --clear $(LOWEST)
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --annotation-style line --no-header \
		--python $(LOWEST)/bin/python --extra models pyproject.toml --output-file $(LOWEST)/all.txt
	grep '(pyproject.toml)' $(LOWEST)/all.txt | grep -v '^torch==' > $(LOWEST)/lowest.txt
	grep '^torch==' constraints.txt >> $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -c $(LOWEST)/lowest.txt -e '.[models]' $(LOWEST_TOOLS)
	$(LOWEST)/bin/python -m pytest -n $(JOBS) --dist worksteal $(LOWEST_TESTS)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) $(DEMO) site

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# One rule an extra: .demo is what the demo needs, .dev what the tests need.
$(VENV)/.%: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'
	touch $@

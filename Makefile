# The course's commands: `make help` lists them. They need Python 3.10 or newer, and nothing installed before.
SCALE = $(or $(COURSEKIT_SCALE),smoke)
NOTEBOOK =
MINUTES =
JOBS =
PYTHON = python3
UV = $(shell command -v uv)

BIN = .venv/bin
READY = .venv/.ready
SHELL = bash
# What would let a check pass that does not hold, or tell a person's Python to be another one.
unexport PYTHONOPTIMIZE PYTHONSTARTUP PYTHONWARNINGS PYTHONINSPECT IPYTHONDIR MPLBACKEND PYTEST_ADDOPTS PYTEST_PLUGINS
.DEFAULT_GOAL = help
.PHONY: help run lab test lint release browser colab bench full

help:  ## show this list
	@awk -F ':.*##' '/^[a-z]+:.*##/ {printf "  make %-7s%s\n", $$1, $$2}' Makefile
	@echo "  Options: SCALE=smoke|laptop|full  NOTEBOOK=week1 (a part of a name)  PYTHON=python3.12  UV= (pip, where uv is too)"
	@echo "  of make full: MINUTES=9 (a budget)  JOBS=4 (repeated runs at a time)"

run: $(READY)  ## execute the notebooks into build/, at scale smoke or as SCALE= says; NOTEBOOK=week1 for one
	@$(BIN)/coursekit run --scale $(SCALE) $(NOTEBOOK)

lab: $(READY)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter-lab notebooks

test: lint  ## lint, unit tests, and every notebook against its kept outputs (nbval)
	$(BIN)/python -m pytest -m "not real and not browser and not colab" -n 2 --dist loadscope
	COURSEKIT_SCALE=smoke COURSEKIT_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbval-lax --nbval-current-env \
	    --nbval-cell-timeout=300 -n 2 --dist loadscope notebooks

lint: $(READY)  ## check the code and its form (ruff, in notebooks too), and the notebooks (coursekit lint)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/coursekit lint

release: $(READY)  ## make the students' copies into build/students and execute them all
	$(BIN)/coursekit release -o build/students --force
	$(BIN)/coursekit run build/students --output build/students-run

browser: $(READY) tests/browser/node_modules  ## drive the notebooks and their pages in Chromium; pictures go to build/screenshots
	@command -v chromium chromium-browser google-chrome > /dev/null || { apt-get -qq update && \
	    apt-get -qq -y install chromium fonts-noto-cjk; }
	$(BIN)/python -m pytest -m browser -n 2 --dist loadfile tests/browser

colab: $(READY)  ## install the course as Colab does, into an environment of its own
	$(BIN)/python -m pytest -m colab tests/classroom/test_colab.py

bench: $(READY)  ## measure speed against the usual ways
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/waits.py
	$(BIN)/python benchmarks/scenes.py
	$(BIN)/python benchmarks/denoise_and_search.py

full: $(READY)  ## go on with the full-scale runs (benchmarks/README.md), on a GPU, and store what they measure
	@$(BIN)/python benchmarks/full.py $(if $(MINUTES),--minutes $(MINUTES)) $(if $(JOBS),--jobs $(JOBS)) $(NOTEBOOK)

tests/browser/node_modules: tests/browser/package-lock.json
	npm ci --no-audit --no-fund --prefix tests/browser
	@touch $@

# The environment. The stamp is written last, so that an install that broke off is taken up again.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) coursekit/engine/wheels.py || { echo 'To take another Python: make run PYTHON=python3.12' >&2; exit 1; }
	@echo 'First the packages of requirements.txt go into .venv, once: about 3 minutes, 3 GB to fetch, up to 6 GB on the disk.'
	@if [ '$(UV)' ]; then \
	    '$(UV)' venv --quiet --seed --allow-existing --python '$(PYTHON)' .venv && \
	    '$(UV)' pip install --python $(BIN)/python -r requirements.txt || { echo 'To do without uv: make UV= ...' >&2; exit 1; }; \
	else \
	    $(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo 'Python cannot make environments here: install' \
	        'venv, on Debian and Ubuntu with: sudo apt install python3-venv' >&2; exit 1; }; \
	    $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt; \
	fi
	@touch $@

# `make demo` and `make test` set everything up by themselves, in .venv, which
# is theirs to replace. They need make and Python 3.11, 3.12 or 3.13, no more.
#
#   make test PYTHON=/path/to/python3.12    with a Python of your choice
#   make demo ARGS=--help                   more arguments for the command
#   make test JOBS=8                        with so many processes
#   make clean test CONSTRAINTS=            with the newest versions instead of
#                                           the tested ones, until `make clean`

PYTHON ?=
ARGS =
# Test files are run by so many processes at a time, of up to 5 GB each.
JOBS = 2
CONSTRAINTS = constraints.txt

PYTHONS = $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
FITS = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
RUN = .venv/bin/python
PARALLEL = --numprocesses=$(JOBS) --dist=loadfile

# Hides most of TensorFlow's start-up notes; its warnings still show.
export TF_CPP_MIN_LOG_LEVEL = 2
export KERAS_BACKEND = tensorflow

# An environment whose Python was moved or removed is made anew.
$(shell test -x $(RUN) || rm -f .venv/.made)

.NOTPARALLEL:
.PHONY: help demo textures swiss-roll test test-fast lint format bench wheel setup clean

help:  ## List the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / \
	  { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/.ready-examples  ## Train on textures, print the table of results
	@$(RUN) examples/train_texture.py --output_dir=runs/demo $(ARGS)

textures: .venv/.ready-examples  ## Train every objective on textures
	@$(RUN) examples/train_texture.py --output_dir=runs/textures \
	  --objective=all $(ARGS)

swiss-roll: .venv/.ready-examples  ## Repeat the paper's Table 1 and Figure 1
	@$(RUN) examples/swiss_roll.py --output_dir=runs/swiss_roll $(ARGS)

test: lint  ## Lint, then run every test
	$(RUN) -m pytest $(PARALLEL) $(ARGS)

test-fast: lint  ## Lint, then run the tests that are not marked slow
	$(RUN) -m pytest $(PARALLEL) -m "not slow" $(ARGS)

lint: setup  ## Check style and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: setup  ## Sort the imports and format the code
	$(RUN) -m ruff check --select I --fix .
	$(RUN) -m ruff format .

bench: .venv/.ready-bench  ## Measure all beside its peers, write runs/bench
	@$(RUN) benchmarks/speed.py $(ARGS)

wheel: .venv/.made  ## Build the wheel, in dist/
	rm -rf build dist
	$(RUN) -m pip wheel --quiet --disable-pip-version-check --no-deps \
	  --wheel-dir dist .

setup: .venv/.ready-test  ## Only make .venv, with all that the tests need

clean:  ## Remove .venv, caches and built files; runs/ stays
	rm -rf .venv build dist keras_affsr.egg-info .pytest_cache .ruff_cache
	find . -name .git -prune -o -name __pycache__ -exec rm -rf {} +

# The last line of each rule below writes its stamp, so that a set-up which was
# interrupted is never taken for a finished one.
.venv/.made:
	@found=; \
	for python in $(PYTHONS); do \
	  if $$python -c '$(FITS)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if test -z "$$found"; then \
	  python="$(firstword $(PYTHONS))"; \
	  echo "keras_affsr needs Python 3.11, 3.12 or 3.13, and $$python is:" \
	    "$$($$python --version 2>&1 | head -n 1)" >&2; \
	  echo "Install one of them, or say where it is:" \
	    "make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments: its \`venv\` module is" \
	    "missing." >&2; \
	  echo "On Debian and Ubuntu: sudo apt install python3-venv (or" \
	    "python3.12-venv, for python3.12)." >&2; \
	  exit 1; \
	fi; \
	echo "Making .venv with $$($$found --version)." >&2; \
	$$found -m venv --clear .venv >&2
	@touch $@

# While pip is at work .made is away: whatever stops pip, the next set-up starts
# from an empty environment. It returns with its old date.
.venv/.ready-%: .venv/.made setup.cfg pyproject.toml $(CONSTRAINTS)
	@echo "Installing keras_affsr[$*] into .venv. The first time this fetches" \
	  "TensorFlow: some minutes, 3 GB of disk." >&2
	@mv .venv/.made .venv/.unfinished
	@$(RUN) -m pip install --quiet --disable-pip-version-check \
	  $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[$*]' >&2
	@mv .venv/.unfinished .venv/.made
	@touch $@

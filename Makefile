PYTHON ?= python

.PHONY: help lint test test-fast long-tests docs figure

help:  ## these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

lint:  ## lint, format, types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test-fast:  ## the first case of every test that is not long: under a minute on two cores
	$(PYTHON) -m pytest --fast -n 2 --dist loadfile tests

test:  ## all tests, doctests and blocks of code of the documentation
	$(PYTHON) -m pytest -n 2 --dist worksteal

long-tests:  ## measure which tests are too long for test-fast (on an idle machine)
	$(PYTHON) -m pytest --list-long -q tests

docs:  ## documentation and gallery in docs/_build/html
	@$(PYTHON) scripts/require_extra.py docs
	MPLBACKEND=Agg $(PYTHON) -m sphinx --fail-on-warning --keep-going -b html docs docs/_build/html

figure:  ## pictures of the README (needs Chromium)
	$(PYTHON) scripts/draw_readme_figure.py

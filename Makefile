PYTHON ?= python

.PHONY: lint test figure

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest

figure:
	$(PYTHON) scripts/draw_readme_figure.py

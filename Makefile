PYTHON ?= python

.PHONY: lint test docs figure

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest -n 2 --dist worksteal

docs:
	MPLBACKEND=Agg $(PYTHON) -m sphinx --fail-on-warning --keep-going -b html docs docs/_build/html

figure:
	$(PYTHON) scripts/draw_readme_figure.py

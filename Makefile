# make run   makes .venv, installs, trains the hybrid on the built-in sample, predicts
# make test  makes .venv, installs, lints, checks types, tests
# uv is used when it is there, pip when not.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint types unit slow real fuzz chaos requirements clean

run: .venv/installed
	$(BIN)/python train.py --model hybrid
	$(BIN)/python predict.py --out submission.csv
	@echo "Results: submission.csv, and report.md and plots/ in the newest folder of runs/"

test: lint types unit

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/mypy

unit: .venv/installed-dev
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# The tests that take minutes: the heavy models, the harness on JAX, system 5 end to end.
slow: .venv/installed-dev
	$(BIN)/pytest -m slow

# Commands with 20,000 damaged or wild tables, images, settings, files and run directories: make fuzz SEED=7.
# Each finding is listed once; the last line has the counts. About 40 minutes; FUZZ=2000 is a tenth of it.
SEED ?= 0
FUZZ ?= 20000
fuzz: .venv/installed-dev
	FUZZ=$(FUZZ) $(BIN)/pytest tests/fuzz -m "slow or not slow" -n 2 --dist worksteal --tb=short \
	  --show-capture=no --hypothesis-seed=$(SEED)

# Stops train.py and tune.py at random moments, resumes them, and compares: make chaos SEED=7. About 30 minutes.
chaos: .venv/installed-dev
	$(BIN)/python -m tests.chaos --seed $(SEED)

# The tests on the real data beside the checkout.
real: .venv/installed-dev
	$(BIN)/pytest -m real

# Without the compile step the first import of TensorFlow takes twice as long.
.venv/installed: requirements.txt
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt; \
	else \
	  $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet -r requirements.txt; \
	fi
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@if command -v uv >/dev/null; then \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-dev.txt; \
	else \
	  $(BIN)/python -m pip install --quiet -r requirements-dev.txt; \
	fi
	@touch $@

# Pins everything that pyproject.toml asks for, for every Python and platform at once.
requirements:
	uv pip compile --quiet --universal --python-version 3.11 --no-header pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --no-header --group dev -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf .venv runs submission.csv

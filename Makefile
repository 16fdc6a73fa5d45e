# Each target does its own set-up: nothing is needed but Linux, Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= runs/demo
# Spinning OpenMP threads make a shared machine ten times slower; passive ones cost nothing.
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0

.PHONY: help demo test faults check format clean bench-mining bench-curation bench-model bench-training ucf101

help:
	@echo "make demo    the whole line in the rendered world, with its figures (minutes)"
	@echo "make test    the whole test suite"
	@echo "make faults  kill workers and parents at random, again and again (minutes)"
	@echo "make check   format, lint, types, imports"
	@echo "make bench-mining  the figures of mining, against a simulated platform"
	@echo "make bench-curation  the figures of curation, on real and rendered footage"
	@echo "make bench-model  the figures of the networks and their weights"
	@echo "make bench-training  the figures of training, on real footage and tiny runs"
	@echo "make ucf101  pre-training and scratch on real clips, three seeds (hours)"
	@echo "make format  write the format and the safe fixes"
	@echo "make clean   remove .venv and runs"

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable ".[train,tensorboard,wandb,pages,persons,detr,scenes,transnet,safety,mine,ray,onnx,huggingface,dev]"
	@touch $@

demo: $(STAMP)
	$(BIN)/h2a demo --out $(DEMO)

test: $(STAMP)
	H2A_DEBUG=1 $(BIN)/python -m pytest

faults: $(STAMP)
	H2A_DEBUG=1 H2A_FAULTS=20 $(BIN)/python -m pytest -o faulthandler_timeout=0 tests/curate/test_kills.py

check: $(STAMP)
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo

format: $(STAMP)
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

clean:
	rm -rf $(VENV) runs

bench-mining: $(STAMP)
	$(BIN)/python -m benchmarks.mining --out runs/bench-mining --shared ../shared

bench-curation: $(STAMP)
	$(BIN)/python -m benchmarks.curation --out runs/bench-curation --shared ../shared

bench-model: $(STAMP)
	$(BIN)/python -m benchmarks.model --out runs/bench-model --shared ../shared

bench-training: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--no-deps --upgrade --target runs/bench-packages decord2 torchcodec
	$(BIN)/python -m benchmarks.training --out runs/bench-training --shared ../shared

ucf101: $(STAMP)
	$(BIN)/python -m benchmarks.ucf101 --out runs/ucf101 --shared ../shared

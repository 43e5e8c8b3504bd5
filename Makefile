# `make` alone lists what there is. The real work is in CMakeLists.txt and scripts/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# Another checkout on this machine, or another preset, need not compile the same file again.
export CMAKE_CXX_COMPILER_LAUNCHER ?= ccache

.PHONY: help setup build test test-reliability demo bench-demo bench-operator images check asan tsan clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is needed (Debian 12): packages, Go, Python, the local cluster's programs
	@scripts/setup

demo: ## a real cluster, 10,000 clients, the HPA up and down, every drain watched; ends in figures and a verdict
	@scripts/setup
	@scripts/build release
	@scripts/images
	@scripts/with-root bench/demo/run.py

test: ## everything CI runs: style, unit, sanitizers, integration, end to end on a real node
	@scripts/test

test-reliability: ## the operator's whole reliability campaigns (docs/RELIABILITY.md): crashes, stale caches, errors, every field; an hour
	@scripts/setup
	@scripts/build release
	@build/release/operator/operator-simulation --seeds 2000 --steps 2000
	@scripts/with-root build/venv/bin/python -B tests/reliability/campaign run

build: ## release build into build/release
	@scripts/setup packages
	@scripts/build release

bench-demo: ## the demo's scenario once more, as lines `figure NAME = VALUE UNIT`
	@scripts/setup
	@scripts/build release
	@scripts/images
	@scripts/with-root bench/demo/run.py --bench

# Only what it needs; one scenario alone: scripts/with-root build/venv/bin/python bench/operator/run.py drain
bench-operator: ## the operator beside a ReplicaSet and controller-runtime (5,000 pods), as lines `figure NAME = VALUE UNIT`
	@scripts/setup packages python cluster bench
	@scripts/build release sluice-operator sluice-gateway sluice-loadgen
	@scripts/with-root build/venv/bin/python bench/operator/run.py

images: ## OCI images of the three programs into build/images
	@scripts/setup packages
	@scripts/build release
	@scripts/images

check: ## format, clang-tidy on what changed since the last clean run, style tests
	@scripts/setup packages python
	@scripts/check

asan: ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/setup packages
	@scripts/build asan
	@ctest --preset asan

tsan: ## unit tests under ThreadSanitizer
	@scripts/setup packages
	@scripts/build tsan
	@ctest --preset tsan

# A run as root that was interrupted may have left files of root's.
clean: ## remove build/ (a running cluster is left alone: tests/cluster/cluster down)
	@if tests/cluster/cluster kubeconfig >/dev/null 2>&1; then echo "a cluster of this checkout runs: tests/cluster/cluster down" >&2; exit 1; fi
	rm -rf build 2>/dev/null || scripts/with-root rm -rf build

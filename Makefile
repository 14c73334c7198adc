# SPDX-License-Identifier: GPL-2.0-only
# A thin door: CMake does the work. See CMakePresets.json.
#   make          build into build/bin/ (release with debug information)
#   make demo     install what is missing, build, place two calls and show them
#   make check    install what the tests need, build with sanitizers, run all tests through ctest
#   make soak     calls for SECONDS (3600) over four spans, both directions: none lost, nothing grows
#   make bench    figures: calls per second, CPU and delay of channels, routing decisions
JOBS := $(shell nproc)
install := conf/setup/install-packages

.PHONY: all demo check check-tsan soak bench tsan asan release debug clean install

all: release

release debug asan tsan:
	@$(install) --check build >/dev/null || { echo "Missing packages: $$($(install) --check build)"; \
		echo "Run 'make demo' or '$(install) build' to install them."; exit 1; }
	@cmake --preset $@ >/dev/null
	@cmake --build --preset $@ -j$(JOBS)

demo:
	@$(install) build demo
	@$(MAKE) --no-print-directory release
	@python3 tests/demo/demo.py build/bin

# Everything with AddressSanitizer; the threads' programs once more with ThreadSanitizer (the tests called tsan.*).
check:
	@$(install) build check guest || $(install) build check
	@$(MAKE) --no-print-directory asan
	@cmake --preset tsan >/dev/null
	@cmake --build --preset tsan -j$(JOBS) --target tsan_programs
	@ctest --test-dir build-asan -j2 --output-on-failure

soak:
	@$(install) build check
	@$(MAKE) --no-print-directory release
	@CAUSEWAY_BIN=$(CURDIR)/build/bin CAUSEWAY_LOG=notice PYTHONDONTWRITEBYTECODE=1 python3 -u tests/e2e/soak.py

bench:
	@$(install) build check
	@$(MAKE) --no-print-directory release
	@cmake --build --preset release --target bench

clean:
	rm -rf build build-debug build-asan build-tsan

# The front door: short names for what people do with this tree. The build itself is CMake's (CMakeLists.txt), the
# tests are run by test/run_all.sh, the demo by demo/run.sh. No rule here knows a version of anything.
#
#   make deps            install what the build and the tests need (apt; skips at once what is there)
#   make                 build the three binaries                 PG_CONFIG=/path/to/pg_config picks the PostgreSQL
#   make install         install them (DESTDIR= is respected)
#   make installcheck    regression tests on a running server (PGHOST, PGPORT, PGUSER, ... are respected)
#   make check           every test, on a private copy of PostgreSQL  WERROR=1 makes warnings errors
#   make demo            deps, build, and the demo shop               PHOTOS=/dir, KEEP=1
#   make bench           speed as ratios, into bench/RESULTS.md      PGVECTOR=/dir, SECTIONS="knn64 writes", BENCH="--rows 50000"
#   make models quality  train the shipped hasher anew; measure it    SHARED=../shared holds the data
#   make fuzz            fuzz what reads foreign bytes (needs clang)  MINUTES=15, TARGETS="info decode type pages"
#   make format clean

PG_CONFIG ?= pg_config
BUILD ?= build
SHARED ?= ../shared
WERROR ?= 0
DESTDIR ?=

# A translation unit with LibTorch's headers takes about 1.5 GB to compile: as many jobs as cores and memory allow.
JOBS ?= $(shell awk -v cores="$$(nproc 2>/dev/null || echo 1)" '/^MemAvailable/ { jobs = int($$2 / 1572864) } \
	END { if (jobs > cores || !NR) jobs = cores; print jobs < 1 ? 1 : jobs }' /proc/meminfo 2>/dev/null || echo 1)
GENERATOR := $(if $(shell command -v ninja),-G Ninja)
TO_BUILD := cmake --build $(BUILD) --parallel $(JOBS)

export PG_CONFIG

all: configured
	@$(TO_BUILD)

# CMake runs again by itself when its own files change; we run it when what was asked for here does.
configured:
	@command -v cmake >/dev/null || { echo "cmake is not installed; run: make deps" >&2; exit 1; }
	@command -v "$(PG_CONFIG)" >/dev/null || { echo "$(PG_CONFIG) is not installed; run: make deps" >&2; exit 1; }
	@asked="$$("$(PG_CONFIG)" --version --bindir) WERROR=$(WERROR)"; \
	if [ ! -f $(BUILD)/CMakeCache.txt ] || [ "$$asked" != "$$(cat $(BUILD)/asked 2>/dev/null)" ]; then \
		cmake -S . -B $(BUILD) $$([ -f $(BUILD)/CMakeCache.txt ] || echo $(GENERATOR)) -DPG_CONFIG="$(PG_CONFIG)" -DIMAGEHASH_WERROR=$(WERROR) && \
		echo "$$asked" >$(BUILD)/asked; \
	fi

install: all
	DESTDIR="$(DESTDIR)" cmake --install $(BUILD)

installcheck:
	test/installcheck.sh

check: all
	@$(TO_BUILD) --target unit_tests test_modules
	BUILD=$(BUILD) test/run_all.sh

# On a fresh machine cmake appears only when deps is through, so the build is a make of its own.
demo: deps
	@$(MAKE) --no-print-directory all
	BUILD=$(BUILD) demo/run.sh

bench: all
	@$(TO_BUILD) --target bare_loop make_codes flat_scan decode_speed
	BUILD=$(BUILD) SHARED=$(SHARED) PGVECTOR=$(PGVECTOR) bench/run.sh $(if $(SECTIONS),--sections $(SECTIONS)) $(BENCH)

# Another hasher is another method: hashes made with the one before do not compare with its own.
HASHER := efficientnet_lite0_256.hasher
models: configured
	@$(TO_BUILD) --target make_hasher
	$(BUILD)/make_hasher $(SHARED)/data/photos/embeddings.u8 $(SHARED)/models/efficientnet_lite0_classifier.pt \
		models/$(HASHER)
	sha256=$$(sha256sum models/$(HASHER) | cut -d ' ' -f 1) && \
		sed -i "/^$(HASHER)\t/s/[0-9a-f]\{64\}/$$sha256/" models/MANIFEST.tsv

quality: configured
	@$(TO_BUILD) --target quality near_duplicates
	$(BUILD)/quality models $(SHARED) $(BUILD)
	$(BUILD)/near_duplicates models $(SHARED)/data/photos

fuzz: all
	BUILD=$(BUILD) MINUTES=$(MINUTES) TARGETS="$(TARGETS)" test/fuzz/run.sh

deps:
	@scripts/install_deps.sh

format:
	git ls-files '*.cpp' '*.h' | xargs clang-format -i

clean:
	rm -rf $(BUILD) demo/out

.PHONY: all configured install installcheck check demo bench models quality fuzz deps format clean

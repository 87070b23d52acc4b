# What a developer types. On a fresh Debian `make test` and `make demo` first install what is missing, and say so.
#
# Overrides: CARGO (the program), WALSIFT_PG_BIN (the folder of initdb and postgres to use), WALSIFT_TORTURE_MINUTES and
# WALSIFT_TORTURE_SEEDS (how long and with which seeds `make torture` runs).

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := test

CARGO ?= cargo

# Where rustup puts cargo; a shell that was open before does not know it yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: test torture demo lint clean rust compiler postgres

test: rust compiler postgres
	@echo "==> building, then testing against a throwaway Postgres"
	$(CARGO) build --features failpoints
	$(CARGO) test --features failpoints

torture: rust compiler postgres
	@echo "==> building, then torturing; a line for each run"
	$(CARGO) build --features failpoints
	$(CARGO) test --features failpoints --test it -- --ignored --exact --nocapture torture::seeds::torture_for_long

demo: rust compiler postgres
	@echo "==> building, then showing Walsift at work on a throwaway Postgres"
	$(CARGO) run --release -- demo

lint: rust compiler
	@echo "==> checking format and lints"
	$(CARGO) fmt --all --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --all-targets --features failpoints -- -D warnings

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
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(2)
endef

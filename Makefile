# What people and CI call; `make` alone lists the targets. Needs Rust (rustup), Python 3.10 or newer and make:
# what else is missing is installed into this folder's own ignored .tools/ and target/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

WASM := target/wasm32-wasip1/release/oidc_gate.wasm
DENY := .tools/cargo-deny/bin/cargo-deny
# Cargo.lock is part of the source: a build that would change it fails.
CARGO := cargo --locked
# Panics name the files of the crates that they are in, and the .wasm has these names in it: with the user's own folder
# before them, every user's build would be another.
NEUTRAL := CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="--remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=/cargo"
# One crate type: where a library for Rust is made along with it, cargo leaves `lto` out, for 100 KB more.
COMPILE := $(NEUTRAL) $(CARGO) rustc --release --target wasm32-wasip1 --package oidc-gate --lib --crate-type cdylib

.PHONY: help toolchain envoy wasm oci registry cli run test keycloak browser mcp envoy-gateway istio bench docs hosts lint alerts deny check clean
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

toolchain: ## install the Rust that rust-toolchain.toml names
	@scripts/install_toolchain

envoy: ## install the Envoy that scripts/envoy.txt names (or use $ENVOY)
	@scripts/install_envoy >/dev/null

wasm: toolchain ## build the filter: target/wasm32-wasip1/release/oidc_gate.wasm
	@$(COMPILE)
	@echo "$(WASM): $$(($$(wc -c < $(WASM)) / 1024)) KiB"

cli: toolchain ## build the command line: target/release/oidc-gate
	@$(CARGO) build --release --package oidc-gate-cli
	@echo "target/release/oidc-gate: see docs/cli.md; cargo install --path cli puts it among your programs"

# Nothing is compiled a second time: cargo says again what the compiler was given.
oci: wasm ## write the image for Istio and Envoy Gateway, with its digest and SBOM: target/oci
	@$(COMPILE) --quiet --message-format json >target/compiled.json
	@$(CARGO) run --quiet --package oidc-gate-oci -- $(WASM) target/compiled.json target/oci

registry: oci ## push that image to a real registry, and pull it as Istio does (installs Go)
	@go=$$(scripts/install_go); cd e2e/oci; echo "registry: building registry, client and Istio's fetcher (minutes, once) ..."; \
		$$go build -o $(CURDIR)/.tools/oci/ ./registry oras.land/oras/cmd/oras; $$go test -count 1 -v .

run: wasm envoy ## try it: provider, demo and gate on http://127.0.0.1:10000, until Ctrl-C
	@$(CARGO) build --package oidc-gate-dev
	@ENVOY=$$(scripts/install_envoy) exec target/debug/oidc-gate-dev run

test: wasm envoy ## every test that needs only Rust, Python and Envoy
	@ENVOY=$$(scripts/install_envoy) $(CARGO) test --no-fail-fast --package oidc-gate --package oidc-gate-cli --package oidc-gate-dev --package oidc-gate-oci --package oidc-gate-strict-host --package oidc-gate-e2e

keycloak: wasm envoy ## the same flows with a real Keycloak (needs Java 17 or newer and Maven)
	@home=$$(scripts/install_keycloak); ENVOY=$$(scripts/install_envoy) KEYCLOAK=$$home \
		$(CARGO) test --package oidc-gate-e2e --features keycloak --test keycloak -- --test-threads 6

browser: wasm envoy ## the same flows in a real Chromium (Debian's chromium package)
	@$(CARGO) build --package oidc-gate-dev
	@ENVOY=$$(scripts/install_envoy) $(CARGO) test --package oidc-gate-e2e --features browser --test browser

# The client for Node besides, where Node is: nobody has to install it for this.
mcp: wasm envoy ## real MCP clients find their way through a gate (installs the SDKs; Node is optional)
	@python=$$(scripts/install_mcp); features=mcp; node=; \
	if command -v node >/dev/null && command -v npm >/dev/null; then \
		features=mcp-node; node=$$(scripts/install_mcp --node); \
	else echo "mcp: no Node here, so the client for Node is not tried"; fi; \
	ENVOY=$$(scripts/install_envoy) MCP_PYTHON=$$python MCP_NODE=$$node \
		$(CARGO) test --package oidc-gate-e2e --features $$features --test mcp

envoy-gateway: wasm envoy ## deploy/envoy-gateway in a real Envoy Gateway (builds it once, from source, for minutes)
	@home=$$(scripts/install_envoy_gateway); ENVOY=$$(scripts/install_envoy) ENVOY_GATEWAY=$$home \
		$(CARGO) test --package oidc-gate-e2e --features envoy-gateway --test envoy_gateway

istio: wasm envoy ## deploy/istio in Istio's own hands, and a login through it (builds Istio's programs once: minutes)
	@istio=$$(scripts/install_istio); $(CARGO) build --package oidc-gate-cli; \
	ISTIO=$$istio ENVOY=$$(scripts/install_envoy) OIDC_GATE=$$PWD/target/debug/oidc-gate \
		$(CARGO) test --package oidc-gate-e2e --features istio --test istio

bench: wasm envoy ## what the gate costs a request, against Envoy alone and a small SDK filter
	@$(CARGO) build --release --target wasm32-wasip1 --package noop-filter --config 'profile.release.package."*".opt-level=3'
	@ENVOY=$$(scripts/install_envoy) $(CARGO) run --profile optimized --package oidc-gate-e2e --features bench --bin bench

docs: toolchain ## write docs/oidc-gate.schema.json and the tables of the documentation anew, from the code
	@UPDATE=1 $(CARGO) test --quiet --package oidc-gate --test docs made_from_the
	@$(CARGO) run --quiet --package oidc-gate-cli -- schema > target/schema.json && cp target/schema.json docs/oidc-gate.schema.json

hosts: wasm envoy ## run every row of docs/hosts.md on every host, and write its tables anew
	@UPDATE=1 $(CARGO) test --package oidc-gate-strict-host --test strict table::
	@UPDATE=1 ENVOY=$$(scripts/install_envoy) $(CARGO) test --package oidc-gate-e2e --test envoy -- hosts:: workers:: forms:: streams::

lint: toolchain ## format and clippy, natively and for wasm
	@cargo fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings
	@$(CARGO) clippy --package oidc-gate --lib --target wasm32-wasip1 -- -D warnings

alerts: ## the alerts of deploy/ and the dashboard's expressions, by Prometheus' own promtool
	@scripts/check_alerts

deny: $(DENY) ## licences, sources and duplicates of the dependencies, by cargo-deny
	@$(DENY) --workspace --all-features check bans licenses sources

$(DENY): | toolchain
	@echo "cargo-deny: building it once into .tools (takes some minutes) ..."
	@cargo install cargo-deny --version 0.20.2 --locked --root .tools/cargo-deny

check: lint ## before a commit: lint, and the filter's own tests (no Envoy)
	@$(CARGO) test --package oidc-gate

clean: ## remove all that was built or installed here
	rm -rf target .tools

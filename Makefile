# Two commands: `make run` and `make test`.  Everything else is for people who stay.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: help run test check quick bench soak clean lock set-up set-up-tests

help:
	@echo 'make run     set up and serve on http://localhost:8000 (TIANFU_PORT chooses another port)'
	@echo 'make test    set up, also what tests need of the system, and run all tests'
	@echo 'make quick   tests without the slow ones and without a browser'
	@echo 'make check   style, types, contracts, spelling'
	@echo 'make bench   measure the speeds we promise, write docs/performance.md'
	@echo 'make soak    sixty kills of every process while clients write'
	@echo 'make lock    lock newer versions of the packages'
	@echo 'make clean   remove what set-up made; data in .tianfu stay'

set-up:
	@$(PYTHON) scripts/set_up.py run

set-up-tests:
	@$(PYTHON) scripts/set_up.py test

run: set-up
	@exec $(BIN)/python scripts/run.py

# What kills, measures, has seconds to be heard in or lives through a newborn's day has the machine to itself; what
# watches live pictures shares it with one other at most, however many cores there are, and what waits most of its time
# for a camera or a disk with two others; all else has every core.  What walks through an installation and waits for
# what comes, whenever it comes, has processes of its own: a browser that is driven step by step leaves no room for
# tests that are awaited.
CAMERAS := tests/services/realtime/cameras
WAITING := $(CAMERAS) tests/supervision/test_full_disk.py
WATCHING := tests/apps/newborn tests/gateways/media tests/services/realtime tests/supervision/test_camera_commands.py
CALM := tests/deploy/test_nginx.py $(addprefix tests/journeys/test_, \
	find_and_read_a_life.py for_everybody.py passkeys.py pictures.py planning.py programs_elsewhere.py \
	radiotherapy.py roles.py trust.py)
ALONE := $(filter-out $(CALM),$(wildcard tests/journeys/test_*.py)) $(addprefix tests/supervision/test_, \
	children.py janus_server.py job_worker.py keys_at.py kills.py media.py programs.py serving.py slow_clients.py \
	smart_app.py)

test: export PYTHONDONTWRITEBYTECODE :=  # else every process would compile all tests anew
test: set-up-tests
	$(BIN)/pytest -n auto --dist loadfile $(addprefix --ignore=,$(WATCHING) $(WAITING) $(CALM) $(ALONE))
	$(BIN)/pytest -n 3 --dist loadfile $(WAITING)
	$(BIN)/pytest -n 2 --dist loadfile $(CALM)
	$(BIN)/pytest -n 2 --dist loadfile $(WATCHING) --ignore=$(CAMERAS)
	$(BIN)/pytest $(ALONE)

quick: set-up-tests
	$(BIN)/pytest -m 'not slow' --ignore tests/journeys

check: set-up-tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

bench: set-up-tests
	$(BIN)/python -m bench prepare
	$(BIN)/python -m bench report

soak: set-up-tests
	TIANFU_TEST_KILLS=60 $(BIN)/pytest -s tests/supervision/test_kills.py

lock:
	scripts/lock.sh --upgrade

clean:
	rm -rf .venv build dist frontend/node_modules src/tianfu/web/static/built src/*.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests demo bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

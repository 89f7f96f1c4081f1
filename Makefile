# Everything a newcomer needs: `make demo` and `make test`.  Both work on a clean clone with nothing installed but Python >= 3.11.
PYTHON ?= python3
SFUMATO_DATA ?= ../shared/data
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := .venv-peers
DATA := build/data/.unpacked
export SFUMATO_DATA := $(abspath $(SFUMATO_DATA))

.PHONY: setup demo test check slow gpu bench data peers docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sfumato needs Python 3.11 or newer; say which: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,demo]'
	@touch $@

demo: setup  ## learn on built-in photographs, repair two never seen, write the sheet and the report
	$(BIN)/sfumato demo

check: setup  ## style, types, and who imports whom
	$(BIN)/ruff check src tests bench examples
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: check $(if $(wildcard $(SFUMATO_DATA)/SHA256SUMS),data)  ## the checks and every test that needs no special machine
	$(BIN)/pytest -q --durations=10

slow: setup data  ## kills, fuzzing and long trainings
	$(BIN)/pytest -q -m slow

gpu: setup data  ## what needs a CUDA device: tests, then about ten minutes of trainings side by side
	$(BIN)/pytest -q -m gpu
	$(BIN)/python bench/on_gpu.py
	$(BIN)/python bench/superres.py --gpu --minutes 8

bench: setup data  ## one script a bar; each writes bench/results/NAME.json (about a day; comparisons need `make peers`)
	$(BIN)/python bench/newcomer.py
	$(BIN)/python bench/demo_bars.py
	$(BIN)/python bench/hostile.py
	$(BIN)/python bench/general_weights.py
	$(BIN)/python bench/restore_bsds.py train
	test ! -x $(PEERS)/bin/python || $(PEERS)/bin/python bench/fastai_restore.py
	$(BIN)/python bench/restore_bsds.py score
	test ! -x $(PEERS)/bin/python || $(PEERS)/bin/python bench/pairs_per_second.py
	test ! -x $(PEERS)/bin/python || $(PEERS)/bin/python bench/learner_overhead.py
	test ! -x $(PEERS)/bin/python || $(PEERS)/bin/python bench/augment_speed.py
	test ! -x $(PEERS)/bin/python || $(PEERS)/bin/python bench/dynamic_unet.py
	$(BIN)/python bench/ladder.py
	$(BIN)/python bench/game.py
	$(BIN)/python bench/ablation.py
	$(BIN)/python bench/step_cost.py
	$(BIN)/python bench/large_pictures.py
	$(BIN)/python bench/processes.py
	$(BIN)/python bench/kills.py
	$(BIN)/python bench/disks.py
	$(BIN)/python bench/classifiers.py
	$(BIN)/python bench/features.py
	$(BIN)/python bench/shrink_folder.py
	$(BIN)/python bench/classify_speed.py
	$(BIN)/python bench/superres.py
	$(BIN)/python bench/jpeg_repair.py
	$(BIN)/python bench/presets.py
	$(BIN)/python bench/segmentation.py
	$(BIN)/python bench/optimisers.py
	$(BIN)/python bench/seams.py
	$(BIN)/python bench/awkward.py

data: $(DATA)  ## check the archives of SFUMATO_DATA against their sums, and unpack them into build/data

$(DATA): $(wildcard $(SFUMATO_DATA)/SHA256SUMS)
	@test -f '$(SFUMATO_DATA)/SHA256SUMS' || { echo 'No data under $(SFUMATO_DATA): set SFUMATO_DATA to the folder that holds SHA256SUMS.'; exit 1; }
	cd '$(SFUMATO_DATA)' && sha256sum --quiet -c SHA256SUMS
	mkdir -p build/data/camvid-small
	@for archive in '$(SFUMATO_DATA)'/*.tar '$(SFUMATO_DATA)'/*.tar.xz; do \
		case "$$archive" in */camvid-small.tar) into=build/data/camvid-small;; *) into=build/data;; esac; \
		tar -xf "$$archive" -C "$$into" --no-same-owner || exit 1; \
	done
	@touch $@

peers: setup  ## the second environment, with the libraries that ratios and comparisons are measured against
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-peers.txt torch torchvision fastai timm kornia -e '.[dev,demo]'
	$(PEERS)/bin/pytest -q -m peers

docs: setup  ## the tables in docs, made from bench/results and from the catalogues
	$(BIN)/python bench/tables.py

clean:
	rm -rf $(VENV) $(PEERS) build dist

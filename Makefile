# Everything a fresh machine needs: Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
CORES ?= $(shell $(PYTHON) -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: env demo test check format figures docs image-root lock clean

env: $(READY)

$(READY): pyproject.toml requirements.lock
	PYTHON=$(PYTHON) workflow/envs/install.sh $(VENV) dev,slurm --editable
	touch $@

demo: $(READY)  ## synthetic tumours through the whole pipeline, a few minutes
	$(BIN)/snakemake --cores $(CORES) --quiet rules

test: $(READY)  ## every test
	$(BIN)/pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

check: $(READY)  ## lint, format, types, workflow lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check --line-length 110 Snakefile workflow
	$(BIN)/snakemake --lint

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt --line-length 110 Snakefile workflow

docs: $(READY)  ## regenerate the key table, the schema and the conda environment
	$(BIN)/python -m segmake.documentation .

figures: $(READY)  ## redraw every figure of the demo from its tables
	$(BIN)/snakemake figures --cores $(CORES) --quiet rules --forcerun figures

image-root:  ## what the Dockerfile does, without a container engine: its context, its script, a fresh folder
	rm -rf build/image && mkdir -p build/image/context
	git ls-files $$(sed -n 's/^!//p' .dockerignore) | tar --create --files-from=- | tar --extract --directory build/image/context
	PYTHON=$(PYTHON) build/image/context/workflow/envs/install.sh build/image/root slurm
	cd build/image && root/bin/segmake --help >/dev/null
	cd build/image && root/bin/snakemake -n --quiet -s context/Snakefile

lock:  ## resolve the newest versions that pyproject.toml allows (torch pinned) into requirements.lock
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet torch==2.13.0 -e '.[dev,slurm,generic,s3,openvino,export]'
	echo '# Exact versions for `workflow/envs/install.sh`; written by `make lock`.' > requirements.lock
	build/lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' >> requirements.lock

clean:
	rm -rf $(VENV) build results .snakemake

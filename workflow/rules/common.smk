"""Reads and validates the configuration, and names files, flags and resources. No rules.

Parsed again in every cluster job: nothing heavy is imported here.
"""

import gc
import json
import os
import sys
from pathlib import Path

from segmake.bracing import brace
from segmake.configuration import flags, replicates
from segmake.demand import largest_megavoxels, megabytes
from segmake.errors import SegmakeError
from segmake.experiment import Experiment, check_writable
from segmake.tables import hash_path

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
MOVED = workflow.modifier.path_modifier.replace_prefix("report") != "report"
DIRECTORY = workflow.overwrite_workdir and Path(workflow.overwrite_workdir)

# A relative path counts from where snakemake was started, else from an overlay's folder, else from here.
FOLDERS = [
    Path.cwd(),
    *(Path(file).resolve().parent for file in workflow.configfiles),
    Path(workflow.basedir),
    ROOT,
]

# Jobs call the segmake that is installed beside this snakemake, whatever PATH says.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    SEGMAKE_CHECKOUT=str(ROOT),  # for workflow/envs/segmake.post-deploy.sh
)

gc.disable()  # of 100,000 cases, looking for cycles among them would take as long as reading them
try:
    EXPERIMENT = Experiment.load(config, FOLDERS, DIRECTORY)
    check_writable(DIRECTORY or (Path() if MOVED else EXPERIMENT.settings.workdir))
except SegmakeError as error:
    print(f"segmake: {error}", file=sys.stderr)
    sys.exit(2)
gc.freeze()
gc.enable()

SETTINGS = EXPERIMENT.settings
CONVERT = SETTINGS.convert
PLAN = SETTINGS.plan
MODELS = EXPERIMENT.names
TRAINED = EXPERIMENT.models
SHARDS = list(EXPERIMENT.shards)
KNOWN = EXPERIMENT.known
SLICE = SETTINGS.slice
CLASSIFIERS = EXPERIMENT.classifiers
BATCH = ["--on_error", SETTINGS.on_error] if SETTINGS.on_error != "stop" else []
COMPARED = len(MODELS) > 1
REPLICATES = replicates(TRAINED)
SEED = ["--seed", str(SETTINGS.seed)] if SETTINGS.seed else []
MEANING = flags(EXPERIMENT.data, leave_out=("cases", "layout", "root", "label_map"))


def one_of(names):
    """Regular expression of these names; of none it fits nothing."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    shard="|".join(SHARDS),
    model=one_of(MODELS),
    classifier=one_of(CLASSIFIERS),
    fold=r"\d+",


def phantom_table(wildcards):
    """Phantom shard that a convert shard needs, if the data are phantoms."""
    return [f"phantom/shard-{wildcards.shard}.tsv"] if SETTINGS.data.layout == "phantom" else []


def data_flags(wildcards, input):
    """Where a convert shard finds its cases."""
    return EXPERIMENT.data_flags(wildcards.shard, input.phantoms)


def source_digest(wildcards):
    """Changes when a case of the shard, or one of its files, does."""
    return EXPERIMENT.source_digest(wildcards.shard)


def per_shard(pattern, shards=SHARDS):
    """One file per shard; other wildcards stay."""
    return [pattern.replace("{shard}", shard) for shard in shards]


def given(*names):
    """Inputs as the flags that are called like them, however many shards there are."""

    def words(wildcards, input):
        lists = {name: input.get(name) for name in names}
        return " ".join(f"--{name} {brace(files)}" for name, files in lists.items() if files)

    return words


def mem_mb(base, per_megavoxel=0):
    """Memory that grows with every attempt, and with the largest case where the table of convert is at hand."""

    def asked(wildcards, input, threads, attempt):
        size = largest_megavoxels(input.table) if per_megavoxel else 0
        return megabytes(base, per_megavoxel, size, threads, attempt)

    return asked

"""Reads and validates the configuration, and names files, flags and resources. No rules.

Parsed again in every cluster job: nothing heavy is imported here.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

from segmake.configuration import find, flags, load_settings, replicates, train_settings
from segmake.dataset.folds import count_folds
from segmake.dataset.load import load_dataset
from segmake.dataset.privacy import check_place
from segmake.dataset.sheet import shard_name, shard_of
from segmake.errors import SegmakeError
from segmake.tables import hash_path

# A relative path counts from where snakemake was started, else from an overlay's folder, else from here.
FOLDERS = [
    Path.cwd(),
    *(Path(file).resolve().parent for file in workflow.configfiles),
    Path(workflow.basedir),
]

# Jobs call the segmake that is installed beside this snakemake, whatever PATH says.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    SEGMAKE_CHECKOUT=str(workflow.basedir),  # for workflow/envs/segmake.post-deploy.sh
)


def located(section, *names):
    """Settings with the paths of these names found."""
    return section.model_copy(update={name: find(getattr(section, name), FOLDERS) for name in names})


try:
    SETTINGS = load_settings(config)
    DATA = located(SETTINGS.data, "cases", "root")
    CONVERT = located(SETTINGS.convert, "pseudonymise")
    PLAN = located(SETTINGS.plan, "splits")
    if CONVERT.pseudonymise:
        check_place(CONVERT.pseudonymise, Path(workflow.overwrite_workdir or SETTINGS.workdir))
    DATASET = load_dataset(DATA, SETTINGS.phantom, CONVERT.pseudonymise)
    MODELS = train_settings(SETTINGS, count_folds(PLAN, DATASET.cases))
except SegmakeError as error:
    print(f"segmake: {error}", file=sys.stderr)
    sys.exit(2)

CASES = {}
for case in DATASET.cases:
    CASES.setdefault(shard_name(shard_of(case.name, SETTINGS.shards), SETTINGS.shards), []).append(case)
SHARDS = sorted(CASES)
BATCH = ["--on_error", SETTINGS.on_error] if SETTINGS.on_error != "stop" else []
COMPARED = len(MODELS) > 1
REPLICATES = replicates(MODELS)
SEED = ["--seed", str(SETTINGS.seed)] if SETTINGS.seed else []
MEANT = DATA.model_copy(
    update={"channels": DATASET.channels, "labels": DATASET.labels, "regions": DATASET.regions}
)
MEANING = flags(MEANT, leave_out=("cases", "layout", "root", "label_map"))


wildcard_constraints:
    shard="|".join(SHARDS),
    model="|".join(MODELS),
    fold=r"\d+",


def phantom_table(wildcards):
    """Phantom shard that a convert shard needs, if the data are phantoms."""
    return [f"phantom/shard-{wildcards.shard}.tsv"] if DATA.layout == "phantom" else []


def data_flags(wildcards):
    """Where a convert shard finds its cases."""
    if DATA.layout == "phantom":
        return ["--cases", f"phantom/shard-{wildcards.shard}.tsv", *flags(MEANT, leave_out=("layout",))]
    return [*flags(MEANT), "--shard", str(int(wildcards.shard)), "--shards", str(SETTINGS.shards)]


def source_digest(wildcards):
    """Changes when a case of the shard, or one of its files, does: then the shard is looked at again."""
    lines = []
    for case in CASES[wildcards.shard]:
        lines.append(repr(case))
        if DATA.layout != "phantom":
            for path in case.sources():
                status = path.stat() if path.exists() else None
                lines.append(f"{status.st_size} {status.st_mtime_ns}" if status else "missing")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def sheet_columns():
    """The case sheet, where it has columns that subgroups are made of (pseudonymised cases keep none)."""
    extra = {name for case in DATASET.cases for name in case.extra}
    return [str(DATA.cases)] if DATA.cases and extra & set(SETTINGS.evaluate.subgroups) else []


def fold_models(wildcards):
    """Trained folds of a model."""
    return [f"train/{wildcards.model}/fold-{fold}/model.pt" for fold in MODELS[wildcards.model].folds]


def train_flags(wildcards):
    """Settings of a training; of an earlier run to repeat, the same model and fold."""
    model = located(MODELS[wildcards.model], "replay", "init_from")
    if model.replay is not None:
        earlier = model.replay / f"train/{wildcards.model}/fold-{wildcards.fold}/model.pt"
        model = model.model_copy(update={"replay": earlier})
    return flags(model, leave_out=("folds",))


def start_digest(wildcards):
    """Changes when the weights that a training starts from do."""
    model = located(MODELS[wildcards.model], "init_from")
    return hash_path(model.init_from)[:16] if model.init_from else ""


def trust(wildcards):
    """A network outside of MONAI may be imported where the configuration names it."""
    network = MODELS[wildcards.model].network
    return ["--trust", network] if "." in network else []


def per_shard(pattern):
    """One file per shard; other wildcards stay."""
    return [pattern.replace("{shard}", shard) for shard in SHARDS]


def mem_mb(base):
    """Memory that grows with every attempt."""

    def megabytes(wildcards, attempt):
        return base * attempt

    return megabytes


def tell_results():
    """Print the summary tables and where the report is."""
    from segmake.stages.summarize import format_summary

    for model in MODELS:
        summary = Path(f"evaluate/{model}/summary.tsv")
        if summary.exists():
            print(f"\n{model}\n{format_summary(summary)}", file=sys.stderr)
    if Path("report/index.html").exists():
        print(f"\nReport: {Path('report/index.html').resolve()}", file=sys.stderr)

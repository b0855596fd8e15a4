"""What the rules of the 2D branch share: names of files, flags. No rules."""

PHANTOM_LESIONS = (
    SETTINGS.data.layout == "phantom" and SETTINGS.phantom.kind == "luna" and SLICE.lesions is None
)
DETECTS = SLICE.source == "prediction" and bool(SLICE.lesions or PHANTOM_LESIONS)
SAMPLING = ("resamples", "confidence")
SCORING_ALONE = [name for name in type(SETTINGS.score).model_fields if name not in SAMPLING]
MARKS = (
    {name: f"score/{{classifier}}/{name}.csv" for name in ("marks", "nodules", "scans")} if DETECTS else {}
)
CLASSIFIED = expand("score/{classifier}/summary.tsv", classifier=CLASSIFIERS)
CLASSIFIED += expand("score/{classifier}/froc.tsv", classifier=CLASSIFIERS) if DETECTS else []
CLASSIFIED += ["score/comparison.tsv"] if len(CLASSIFIERS) > 1 else []


def slice_input(wildcards):
    """What the patches of a shard are cut from: nothing of ours where they are images of the user."""
    if SLICE.source == "images":
        return {}
    files = {"table": f"convert/shard-{wildcards.shard}.tsv"}
    if SLICE.source == "prediction":
        files["predictions"] = f"{LABELLED}/{EXPERIMENT.sliced_model}/shard-{wildcards.shard}.tsv"
    if PHANTOM_LESIONS:
        files["phantoms"] = f"phantom/shard-{wildcards.shard}.tsv"
    return files


def fitted_folds(wildcards):
    """Fitted folds of a classifier."""
    folds = CLASSIFIERS[wildcards.classifier].folds
    return [f"fit/{wildcards.classifier}/fold-{fold}/model.pt" for fold in folds]


def trusted(wildcards):
    """A network outside of MONAI and timm may be imported where the configuration names it."""
    network = CLASSIFIERS[wildcards.classifier].network
    return ["--trust", network] if "." in network else []


def places(wildcards, input):
    """Where the true places of the lesions are known from."""
    if not DETECTS:
        return []
    return ["--lesions", str(SLICE.lesions)] if SLICE.lesions else ["--phantoms", *input.phantoms]

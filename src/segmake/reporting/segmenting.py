"""The paragraphs on the 3D branch: what was prepared, trained, predicted and scored, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segmake.audit.manifests import Made
from segmake.plan import Plan
from segmake.postprocessing import read_recipe
from segmake.reporting.known import Known
from segmake.reporting.words import count, duration, listed, percent, sentence, times
from segmake.tables import Row, read_table

NETWORKS = {
    "DynUNet": "a U-Net in the manner of nnU-Net (MONAI's DynUNet) [@ronneberger2015; @isensee2021]",
    "UNet": "a residual U-Net (MONAI's UNet) [@ronneberger2015]",
    "BasicUNet": "a U-Net (MONAI's BasicUNet) [@ronneberger2015]",
    "SegResNet": "a SegResNet [@myronenko2019]",
    "UNETR": "a UNETR [@hatamizadeh2022unetr]",
    "SwinUNETR": "a Swin UNETR [@hatamizadeh2022swin]",
}
OPTIMIZERS = {
    "adamw": "AdamW [@loshchilov2019]",
    "adam": "Adam [@kingma2015]",
    "sgd": "stochastic gradient descent with Nesterov momentum",
}
SCHEDULES = {"cosine": "a cosine", "poly": "a polynomial of power 0.9"}
RATES = {"adamw": (3e-3, 1e-2), "adam": (1e-4, 0.0), "sgd": (1e-2, 3e-5)}
"""Learning rate and weight decay where the settings leave them open, as learning.optimizers has them."""
DEVICES = {"cpu": "a CPU", "cuda": "a GPU"}
SCHEMES = {
    "zscore": "standardised by mean and standard deviation of the case",
    "ct": "clipped, then standardised by mean and standard deviation of the training cases' foreground",
    "minmax": "scaled to its own range",
    "none": "left as it was",
}
LESIONS = {
    "overlap": "Lesions (connected components) counted as found when any voxel overlapped.",
    "brats": "Lesion-wise scores follow the rule of the BraTS 2023 challenge [@moawad2023].",
}
HEADLINE = ("dice", "hd95", "nsd")
NAMES = {"dice": "Dice", "hd95": "HD95", "nsd": "NSD"}
SPLITS = {"train": "In cross-validation", "test": "On the test cases", "new": "On new cases"}


def preparation(known: Known, plan: Plan) -> Iterator[str]:
    """How scans became arrays, and how cases were divided."""
    convert, order = known.settings("convert"), known.settings("plan").get("order", plan.order)
    yield "Scans were converted to NIfTI in canonical (RAS+) orientation, the channels of a case on one grid."
    if convert.get("register", "none") != "none":
        yield f"Channels were registered to the first one ({convert['register']})."
    repaired = len([row for row in known.cases if row.get("repairs")])
    if repaired:
        yield sentence(f"headers of {count(repaired, 'case')} were repaired, as the table of cases lists")
    if plan.crop == "nonzero":
        yield "Each case was cropped to its non-zero box."
    spline = {0: "nearest neighbours", 1: "linear interpolation", 3: "cubic splines"}[order]
    yield (
        f"Images were resampled to {times(plan.spacing_mm, 'mm')} by {spline}, labels by linear "
        "interpolation "
        "of each label and a vote."
    )
    schemes: dict[str, list[str]] = {}
    for name, scheme in plan.normalisation.items():
        schemes.setdefault(SCHEMES[scheme.scheme], []).append(name)
    parts = [
        f"the {'channels' if len(names) > 1 else 'channel'} {listed(names)} "
        f"{'were' if len(names) > 1 else 'was'} {told}"
        for told, names in schemes.items()
    ]
    yield sentence("; ".join(parts))
    yield (
        "Grid, patch and network shape were planned from the data by rules that follow nnU-Net "
        "[@isensee2021]."
    )
    if "folds" in plan.reasons:
        yield sentence(f"cross-validation: {plan.reasons['folds']}")


def training(known: Known, plan: Plan) -> Iterator[str]:
    """One paragraph's sentences per model that was trained; runs under other seeds are named with theirs."""
    families: dict[str, dict[str, list[Made]]] = {}
    for model, jobs in known.trained("train").items():
        families.setdefault(model.partition(".seed-")[0], {})[model] = jobs
    for family, members in families.items():
        jobs = next(iter(members.values()))
        yield from _model(family, jobs, plan)
        if len(members) > 1:
            seeds = [str(each[0].settings.get("seed", 0)) for each in members.values()]
            yield (
                f"It was trained with the seeds {listed(seeds)}, to measure what chance changes "
                "[@bouthillier2021]."
            )


def _model(name: str, jobs: Sequence[Made], plan: Plan) -> Iterator[str]:
    """What a model is and how it learned."""
    given = jobs[0].settings
    network = str(given.get("network"))
    stages = ", ".join(map(str, plan.features))
    shape = f" with {count(len(plan.features), 'resolution stage')} of {stages} feature maps"
    yield (
        f"Model {name} is {NETWORKS.get(network, f'a {network}')}{shape if network == 'DynUNet' else ''}, "
        "trained on "
        f"batches of {count(plan.batch, 'patch', 'patches')} of {times(plan.patch)} voxels, of which "
        f"{percent(given.get('oversample', 0.5))} were centred on a foreground voxel."
    )
    yield from learned(given, jobs)
    loss = "binary cross entropy of overlapping regions" if plan.sigmoid else "cross entropy"
    deep = (
        ", at every resolution (deep supervision)"
        if given.get("deep_supervision") and network == "DynUNet"
        else ""
    )
    yield f"The loss was the sum of Dice loss and {loss}{deep}."
    augment: Mapping[str, Any] = given.get("augment", {})
    axes = listed(given.get("flip", [])) or "no"
    if augment.get("preset") == "none":
        yield "Patches were not augmented."
    elif augment:
        yield (
            f"Patches were augmented on the fly (preset {augment['preset']}: mirroring along {axes}, "
            "rotation to "
            f"{augment['degrees']:g} degrees, scaling, noise, blur, brightness, contrast, low resolution, "
            "gamma)."
        )


def learned(given: Mapping[str, Any], jobs: Sequence[Made]) -> Iterator[str]:
    """How any network learned: start, optimiser, schedule, budget, machine."""
    optimizer = str(given.get("optimizer", "adamw"))
    rate, decay = RATES[optimizer]
    rate, decay = given.get("lr") or rate, given.get("weight_decay") or decay
    budget = f"{given['minutes']:g} minutes" if given.get("minutes") else f"{given.get('steps', 0):,} steps"
    start = "pretrained weights" if jobs[0].manifest["settings"].get("init_from") else "random weights"
    warm = percent(given.get("warmup", 0))
    yield (
        f"From {start} it was trained for {budget} by {OPTIMIZERS[optimizer]} with weight decay {decay:g}; "
        "the "
        f"learning rate rose to {rate:g} over the first {warm} of them and fell to zero along "
        f"{SCHEDULES[str(given.get('schedule', 'cosine'))]}; gradients were clipped at norm "
        f"{given.get('clip', 1):g}."
    )
    if given.get("ema"):
        yield f"The published weights are a running average (decay {given['ema']:g})."
    if given.get("freeze", "none") != "none":
        yield "The encoder kept the weights it started with."
    devices = {str(job.manifest.get("reproducibility", {}).get("device", "")) for job in jobs} - {""}
    total = duration(sum(float(job.manifest.get("seconds", 0)) for job in jobs))
    where = f" on {listed([DEVICES.get(device, device) for device in sorted(devices)])}" if devices else ""
    yield f"Its {count(len(jobs), 'fold')} took {total} to train{where}."


def prediction(known: Known) -> Iterator[str]:
    """How label maps were made."""
    given = known.settings("predict")
    if given:
        mirror = ", averaged over mirrored copies" if given.get("mirror") else ""
        yield (
            "Label maps were predicted on the native grid of each scan from windows that overlapped by "
            f"{percent(given.get('overlap', 0.5))}, weighted by a Gaussian{mirror}. Each training case was "
            "predicted "
            "by the network of the fold that had not seen it, every other case by the mean over the networks "
            "of all "
            "folds."
        )
    for job in known.jobs("tune"):
        recipe = read_recipe(job.output)
        steps = [f"{step.kind.replace('_', ' ')} ({step.label})" for step in recipe.steps]
        told = f"kept: {', '.join(steps)}" if steps else "none helped, so none was applied"
        yield (
            f"Post-processing of {job.path.parent.name} was chosen on out-of-fold label maps and "
            f"cross-fitted; {told}."
        )
    for job in known.jobs("external"):
        yield (
            f"Model {job.path.parent.name} was made by another program; its label maps were taken as "
            "they are."
        )
        break


def evaluation(known: Known) -> Iterator[str]:
    """Which scores, intervals and tests."""
    given, scored = known.settings("evaluate"), known.settings("summarize")
    if not given:
        return
    tolerance = given.get("nsd_tolerance_mm", 1.0)
    each = (
        f"{tolerance:g} mm"
        if isinstance(tolerance, int | float)
        else listed([f"{value:g} mm for {name}" for name, value in tolerance.items()])
    )
    yield (
        "Label maps were compared with the reference on the native grid by the Dice coefficient [@dice1945], "
        "the 95th "
        f"percentile Hausdorff distance (HD95) and the normalised surface distance at {each} (NSD) "
        "[@nikolov2021], "
        "chosen as Metrics Reloaded recommends [@maierhein2024]."
    )
    yield (
        "A label that was missed or falsely found scored the worst value: zero, or for distances the "
        "diagonal of "
        "the image; a label rightly absent scored the best."
    )
    lesion = str(given.get("lesion", "none"))
    if lesion != "none":
        yield LESIONS["overlap" if lesion == "overlap" else "brats"]
    yield (
        f"Scores are means over patients with {percent(scored.get('confidence', 0.95))} confidence intervals "
        "by "
        f"bias-corrected and accelerated bootstrap ({scored.get('resamples', 0):,} resamples of patients) "
        "[@efron1987]."
    )
    if known.jobs("compare"):
        draws = known.settings("compare").get("permutations", 0)
        yield (
            "Models were compared on the cases they share by a paired permutation test over patients "
            f"({draws:,} draws), adjusted for multiple comparisons by Holm's method [@holm1979]."
        )


def results(known: Known) -> Iterator[str]:
    """What came of it, in the numbers of the tables."""
    for model, rows in known.summaries.items():
        for split in dict.fromkeys(row["split"] for row in rows):
            yield from _scores(model, split, [row for row in rows if row["split"] == split], known)
    for job in known.jobs("compare"):
        rows = read_table(job.output) if job.output.exists() else []
        for row in rows:
            if (row["label"], row["metric"]) == ("mean", "dice"):
                where = SPLITS.get(row["split"], row["split"]).lower()
                p = f", adjusted p = {float(row['p_holm']):.2g}" if row["p_holm"] else ""
                yield sentence(
                    f"{where}, the difference in mean Dice between {row['model']} and {row['other']} was "
                    f"{float(row['difference']):+.3f}{_interval(row)}{p}: {row['verdict']}"
                )


def _scores(model: str, split: str, rows: Sequence[Row], known: Known) -> Iterator[str]:
    """A sentence for the mean over labels, one for each label."""
    mean = next((row for row in rows if row["label"] == "mean" and row["metric"] == "dice"), None)
    where = SPLITS.get(split, f"On the cases of split {split}")
    if mean is not None:
        confidence = percent(known.settings("summarize").get("confidence", 0.95))
        among = f"{count(int(mean['cases']), 'case')} of {count(int(mean['patients']), 'patient')}"
        interval = _interval(mean).replace("(", f"({confidence} CI ", 1)
        yield f"{where} ({among}), {model} reached a mean Dice of {float(mean['mean']):.3f}{interval}."
    for label in dict.fromkeys(row["label"] for row in rows if row["label"] != "mean"):
        found = {row["metric"]: row for row in rows if row["label"] == label}
        parts = [
            f"{NAMES[name]} {_value(found[name])}{_interval(found[name])}"
            for name in HEADLINE
            if name in found
        ]
        if parts:
            yield f"{label}: {', '.join(parts)}."


def _value(row: Row) -> str:
    return f"{float(row['mean']):.1f} mm" if row["unit"] == "mm" else f"{float(row['mean']):.3f}"


def _interval(row: Row) -> str:
    """The interval of a row in brackets; nothing where it has none."""
    if not row["ci_low"]:
        return ""
    digits = 1 if row["unit"] == "mm" else 3
    return f" ({float(row['ci_low']):.{digits}f} to {float(row['ci_high']):.{digits}f})"

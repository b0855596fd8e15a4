"""segmake: convert -> plan -> resample -> train -> predict -> evaluate -> report."""

from snakemake.utils import min_version

min_version("9.3")

# The demo is the configuration of those who name no data of their own; nothing of it leaks into theirs.
if not {"cases", "layout"} & set(config.get("data") or {}):

    configfile: workflow.source_path("config/config.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


if SETTINGS.container:

    container: SETTINGS.container


# A module with a prefix leaves the folder to the workflow that imports it.
if not MOVED:

    workdir: SETTINGS.workdir


include: "workflow/rules/phantom.smk"
include: "workflow/rules/convert.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/resample.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/external.smk"
include: "workflow/rules/postprocess.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/classification.smk"
include: "workflow/rules/slice.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/classify.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/examples.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/describe.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/telling.smk"


rule all:
    default_target: True
    input:
        "report/index.html",
        CLASSIFIED,
        "ro-crate-metadata.json",

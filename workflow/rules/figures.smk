"""figures: takes tables and the slices of examples alone, makes every figure and figures.tsv, their list.

`snakemake figures` draws what is missing or out of date; the same tables give the same bytes.
"""

from segmake.figures.catalogue import CHAPTERS, lost_files

DRAWN = {
    "metrics": expand("evaluate/{model}/metrics.tsv", model=MODELS),
    "summary": expand("evaluate/{model}/summary.tsv", model=MODELS),
    "subgroups": expand("evaluate/{model}/subgroups.tsv", model=MODELS),
    "comparison": ["evaluate/comparison.tsv"] if COMPARED else [],
    "history": [
        f"train/{model}/fold-{fold}/history.csv" for model in TRAINED for fold in TRAINED[model].folds
    ]
    + [f"fit/{name}/fold-{fold}/history.csv" for name in CLASSIFIERS for fold in CLASSIFIERS[name].folds],
    "predictions": (
        expand("predict/{model}/shard-{shard}.tsv", model=TRAINED, shard=KNOWN)
        if SETTINGS.predict.uncertainty
        else []
    ),
    "examples": expand("examples/{model}/examples.tsv", model=MODELS),
    "curves": expand("score/{classifier}/curves.tsv", classifier=CLASSIFIERS),
    "confusion": expand("score/{classifier}/confusion.tsv", classifier=CLASSIFIERS),
    "froc": expand("score/{classifier}/froc.tsv", classifier=CLASSIFIERS) if CLASSIFIERS and DETECTS else [],
}


rule figures:
    """Draw all figures from the tables."""
    input:
        **DRAWN,
    output:
        table="figures/figures.tsv",
        folder=report(
            directory("figures"),
            patterns=[f"{{kind,[a-z]+}}_{{of}}.{SETTINGS.figures.formats[0]}"],
            caption="../report/figures.rst",
            category=lambda wildcards: CHAPTERS[wildcards.kind],
            labels={"figure": "{kind}", "of": "{of}"},
        ),
    log:
        "logs/figures/figures.log",
    benchmark:
        "benchmarks/figures/figures.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=30,
    params:
        settings=flags(SETTINGS.figures),
        tables=given(*DRAWN),
        lost=lambda wildcards: lost_files(Path("figures/figures.tsv")),  # deleted ones are drawn again
    shell:
        "segmake --log {log:q} figures {params.tables} --output {output.table:q} {params.settings:q}"

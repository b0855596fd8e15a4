"""report: takes tables and figures, makes the HTML page, the quality page, details of cases and the viewer."""

TOLD = {
    "plan": ["plan/plan.json"] if MODELS else [],
    "cases": (per_shard("convert/shard-{shard}.tsv") if MODELS or SLICE.source != "images" else []),
    "predictions": expand(f"{LABELLED}/{{model}}/shard-{{shard}}.tsv", model=MODELS, shard=SHARDS),
    "metrics": expand("evaluate/{model}/metrics.tsv", model=MODELS),
    "summary": expand("evaluate/{model}/summary.tsv", model=MODELS),
    "subgroups": expand("evaluate/{model}/subgroups.tsv", model=MODELS),
    "comparison": ["evaluate/comparison.tsv"] if COMPARED else [],
    "ranking": ["evaluate/ranking.tsv"] if COMPARED else [],
    "history": [f"train/{name}/fold-{fold}/history.csv" for name in TRAINED for fold in TRAINED[name].folds]
    + [f"fit/{name}/fold-{fold}/history.csv" for name in CLASSIFIERS for fold in CLASSIFIERS[name].folds],
    "tables": (per_shard("resample/shard-{shard}.tsv", KNOWN) if MODELS else [])
    + expand("evaluate/{model}/shard-{shard}.tsv", model=MODELS, shard=KNOWN),
    "slices": per_shard("slice/shard-{shard}.tsv") if CLASSIFIERS else [],
    "guards": ["divide/guards.tsv"] if CLASSIFIERS else [],
    "scores": expand("score/{classifier}/summary.tsv", classifier=CLASSIFIERS),
    "contest": ["score/comparison.tsv"] if len(CLASSIFIERS) > 1 else [],
    "figures": ["figures/figures.tsv"],
    "methods": ["describe/methods.md"],
}


rule report:
    """Write the pages."""
    input:
        **TOLD,
    output:
        page=report("report/index.html", caption="../report/page.rst", category="Report"),
        quality=report("report/quality.html", caption="../report/quality.rst", category="Report"),
        cases=directory("report/cases"),
    log:
        "logs/report/report.log",
    benchmark:
        "benchmarks/report/report.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=60,
    params:
        settings=flags(SETTINGS.report),
        tables=given(*TOLD),
    shell:
        "segmake --log {log:q} report {params.tables} --output {output.page:q} {params.settings:q}"

"""report: takes tables and figures, makes the HTML page, the quality page, details of cases and the viewer."""


rule report:
    """Write the pages."""
    input:
        figures="figures/figures.tsv",
        plan="plan/plan.json",
        cases=per_shard("convert/shard-{shard}.tsv"),
        predictions=expand(f"{LABELLED}/{{model}}/shard-{{shard}}.tsv", model=MODELS, shard=SHARDS),
        metrics=expand("evaluate/{model}/metrics.tsv", model=MODELS),
        summary=expand("evaluate/{model}/summary.tsv", model=MODELS),
        subgroups=expand("evaluate/{model}/subgroups.tsv", model=MODELS),
        comparison=["evaluate/comparison.tsv"] if COMPARED else [],
        ranking=["evaluate/ranking.tsv"] if COMPARED else [],
        history=[
            f"train/{model}/fold-{fold}/history.csv" for model in TRAINED for fold in TRAINED[model].folds
        ],
        tables=per_shard("resample/shard-{shard}.tsv", KNOWN)
        + expand("evaluate/{model}/shard-{shard}.tsv", model=MODELS, shard=KNOWN),
    output:
        page=report("report/index.html", caption="../report/page.rst", category="Report"),
        quality=report("report/quality.html", caption="../report/quality.rst", category="Report"),
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
        models=lambda wildcards, input: (
            ["--comparison", *input.comparison, "--ranking", *input.ranking] if COMPARED else []
        ),
    shell:
        "segmake --log {log:q} report --figures {input.figures:q} --plan {input.plan:q} --cases {input.cases:q} "
        "--predictions {input.predictions:q} --metrics {input.metrics:q} --summary {input.summary:q} "
        "--history {input.history:q} --tables {input.tables:q} --subgroups {input.subgroups:q} "
        "{params.models:q} --output {output.page:q} {params.settings:q}"

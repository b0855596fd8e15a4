"""evaluate: takes label maps and truth, makes scores per case, label and metric, and their summary."""

SCORING = ("resamples", "confidence")
MEASURING = ("nsd_tolerance_mm", "lesion")


rule evaluate:
    """Score the cases of one shard."""
    input:
        table="convert/shard-{shard}.tsv",
        predictions="predict/{model}/shard-{shard}.tsv",
        plan="plan/plan.json",
    output:
        table="evaluate/{model}/shard-{shard}.tsv",
    log:
        "logs/evaluate/{model}/shard-{shard}.log",
    benchmark:
        "benchmarks/evaluate/{model}/shard-{shard}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 4
    resources:
        mem_mb=mem_mb(4000),
        runtime=120,
    params:
        settings=flags(SETTINGS.evaluate, leave_out=SCORING) + BATCH,
    shell:
        "segmake --log {log:q} evaluate --table {input.table:q} --predictions {input.predictions:q} "
        "--plan {input.plan:q} --output {output.table:q} --threads {threads} {params.settings:q}"


rule summarize:
    """Gather the scores of all shards and state means with confidence intervals."""
    input:
        tables=per_shard("evaluate/{model}/shard-{shard}.tsv"),
    output:
        metrics=report(
            "evaluate/{model}/metrics.tsv",
            caption="../report/metrics.rst",
            category="Scores",
            labels={"model": "{model}", "table": "all scores"},
        ),
        summary=report(
            "evaluate/{model}/summary.tsv",
            caption="../report/summary.rst",
            category="Scores",
            labels={"model": "{model}", "table": "summary"},
        ),
    log:
        "logs/summarize/{model}.log",
    benchmark:
        "benchmarks/summarize/{model}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=60,
    params:
        settings=flags(SETTINGS.evaluate, leave_out=MEASURING) + SEED,
    shell:
        "segmake --log {log:q} summarize --tables {input.tables:q} --metrics {output.metrics:q} "
        "--output {output.summary:q} {params.settings:q}"

"""evaluate: takes label maps and truth, makes scores per case, label and metric, their summary, and where there
are several models their comparison."""

SCORING = ("resamples", "confidence", "permutations", "subgroups")
MEASURING = ("nsd_tolerance_mm", "lesion")


rule evaluate:
    """Score the cases of one shard."""
    input:
        table="convert/shard-{shard}.tsv",
        predictions=f"{LABELLED}/{{model}}/shard-{{shard}}.tsv",
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
        # twice what benchmarks/stage_memory.py measured
        mem_mb=mem_mb(3000, per_megavoxel=12),
        runtime=120,
    params:
        settings=flags(SETTINGS.evaluate, leave_out=SCORING) + BATCH,
    shell:
        "segmake --log {log:q} evaluate --table {input.table:q} --predictions {input.predictions:q} "
        "--plan {input.plan:q} --output {output.table:q} --threads {threads} {params.settings:q}"


rule summarize:
    """Gather the scores of all shards and state means with confidence intervals, of subgroups too."""
    input:
        tables=per_shard("evaluate/{model}/shard-{shard}.tsv", KNOWN),
        cases=per_shard("convert/shard-{shard}.tsv", KNOWN),
        predictions=per_shard(f"{LABELLED}/{{model}}/shard-{{shard}}.tsv", KNOWN),
        sheet=EXPERIMENT.sheet_columns(),
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
        subgroups=report(
            "evaluate/{model}/subgroups.tsv",
            caption="../report/subgroups.rst",
            category="Scores",
            labels={"model": "{model}", "table": "subgroups"},
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
        tables=given("tables", "cases", "predictions"),
        settings=flags(SETTINGS.evaluate, leave_out=(*MEASURING, "permutations")) + SEED,
        sheet=lambda wildcards, input: ["--sheet", *input.sheet] if input.sheet else [],
    shell:
        "segmake --log {log:q} summarize {params.tables} {params.sheet:q} --metrics {output.metrics:q} "
        "--output {output.summary:q} --subgroup_table {output.subgroups:q} {params.settings:q}"


rule compare:
    """Test every pair of models on the cases they share, and rank all of them."""
    input:
        metrics=expand("evaluate/{model}/metrics.tsv", model=MODELS),
        tables=expand("evaluate/{model}/shard-{shard}.tsv", model=MODELS, shard=KNOWN),
    output:
        comparison=report(
            "evaluate/comparison.tsv",
            caption="../report/comparison.rst",
            category="Models",
            labels={"table": "comparison"},
        ),
        ranking=report(
            "evaluate/ranking.tsv",
            caption="../report/ranking.rst",
            category="Models",
            labels={"table": "ranking"},
        ),
    log:
        "logs/compare/compare.log",
    benchmark:
        "benchmarks/compare/compare.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=60,
    params:
        tables=given("metrics", "tables"),
        settings=flags(SETTINGS.evaluate, leave_out=(*MEASURING, "subgroups")) + SEED,
        replicates=["--replicates", json.dumps(REPLICATES)] if REPLICATES else [],
    shell:
        "segmake --log {log:q} compare {params.tables} {params.replicates:q} "
        "--output {output.comparison:q} --ranking {output.ranking:q} {params.settings:q}"

"""examples: takes the scores and volumes of a model, makes the slices that show its worst, median and best cases.

The last rule that reads a volume: figures and pages are made of tables and these slices.
"""


rule examples:
    """Cut out what figures show of a few cases."""
    input:
        plan="plan/plan.json",
        cases=per_shard("convert/shard-{shard}.tsv", KNOWN),
        predictions=per_shard(f"{LABELLED}/{{model}}/shard-{{shard}}.tsv", KNOWN),
        metrics="evaluate/{model}/metrics.tsv",
    output:
        table="examples/{model}/examples.tsv",
    log:
        "logs/examples/{model}.log",
    benchmark:
        "benchmarks/examples/{model}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=60,
    params:
        tables=given("cases", "predictions"),
        settings=flags(SETTINGS.examples),
    shell:
        "segmake --log {log:q} examples --plan {input.plan:q} {params.tables} "
        "--metrics {input.metrics:q} --output {output.table:q} {params.settings:q}"

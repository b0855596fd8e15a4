"""classify: takes classifiers and patches, makes the logits of each patch's classes; on request, where the
classifiers look (classify/<classifier>/explain/)."""


rule classify:
    """Classify the patches of one shard: training cases out of fold, others by all folds together."""
    input:
        table="slice/shard-{shard}.tsv",
        folds="divide/folds.tsv",
        models=fitted_folds,
    output:
        table="classify/{classifier}/shard-{shard}.tsv",
    log:
        "logs/classify/{classifier}/shard-{shard}.log",
    benchmark:
        "benchmarks/classify/{classifier}/shard-{shard}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 8
    resources:
        mem_mb=mem_mb(4000),
        runtime=120,
        gpu=int(SETTINGS.classify.device == "cuda"),
    params:
        settings=lambda wildcards: flags(SETTINGS.classify) + trusted(wildcards),
    shell:
        "segmake --log {log:q} classify --table {input.table:q} --folds {input.folds:q} "
        "--model {input.models:q} --output {output.table:q} --threads {threads} {params.settings:q}"

"""fit: takes patches, their folds and a fold, makes model.pt (one file that rebuilds everything) and history.csv.

The rolling checkpoint lives in fit/<classifier>/fold-<k>/state, which is no declared output: Snakemake deletes
those of a killed job, and the job must go on where it was.
"""


rule fit:
    """Fit one classifier on one fold."""
    input:
        tables=per_shard("slice/shard-{shard}.tsv", KNOWN),
        division="divide/folds.tsv",
    output:
        model="fit/{classifier}/fold-{fold}/model.pt",
        history="fit/{classifier}/fold-{fold}/history.csv",
    log:
        "logs/fit/{classifier}/fold-{fold}.log",
    benchmark:
        "benchmarks/fit/{classifier}/fold-{fold}.tsv"
    retries: 2
    conda:
        "../envs/segmake.yaml"
    threads: 8
    resources:
        mem_mb=mem_mb(12000),
        runtime=1440,
        gpu=lambda wildcards: int(CLASSIFIERS[wildcards.classifier].device == "cuda"),
    params:
        tables=given("tables"),
        settings=lambda wildcards: EXPERIMENT.fit_flags(wildcards.classifier, wildcards.fold),
        digest=lambda wildcards: EXPERIMENT.fit_digest(wildcards.classifier),  # no input: a bundle may be a folder
    shell:
        "segmake --log {log:q} fit {params.tables} --division {input.division:q} "
        "--fold {wildcards.fold} --output {output.model:q} --threads {threads} --gpus {resources.gpu} "
        "{params.settings:q}"

"""train: takes arrays, plan and fold, makes model.pt (one file that rebuilds everything) and history.csv.

The rolling checkpoint lives in train/<model>/fold-<k>/state, which is no declared output: Snakemake deletes
those of a killed job, and the job must go on where it was.
"""


rule train:
    """Train one network on one fold."""
    input:
        tables=per_shard("resample/shard-{shard}.tsv", KNOWN),
        plan="plan/plan.json",
    output:
        model="train/{model}/fold-{fold}/model.pt",
        history="train/{model}/fold-{fold}/history.csv",
    log:
        "logs/train/{model}/fold-{fold}.log",
    benchmark:
        "benchmarks/train/{model}/fold-{fold}.tsv"
    retries: 2
    conda:
        "../envs/segmake.yaml"
    threads: 8
    resources:
        mem_mb=mem_mb(16000),
        runtime=2880,
        gpu=lambda wildcards: int(TRAINED[wildcards.model].device == "cuda"),
    params:
        tables=given("tables"),
        settings=lambda wildcards: EXPERIMENT.train_flags(wildcards.model, wildcards.fold),
        digest=lambda wildcards: EXPERIMENT.start_digest(wildcards.model),  # no input: a bundle may be a folder
    shell:
        "segmake --log {log:q} train {params.tables} --plan {input.plan:q} --fold {wildcards.fold} "
        "--output {output.model:q} --threads {threads} --gpus {resources.gpu} {params.settings:q}"

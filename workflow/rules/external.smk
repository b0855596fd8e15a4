"""external: takes label maps of another program, makes them checked label maps on the native grid of each source."""


rule external:
    """Take in the label maps of one shard, or let nnU-Net make them."""
    input:
        table="convert/shard-{shard}.tsv",
        plan="plan/plan.json",
    output:
        table="predict/{model}/shard-{shard}.tsv",
    log:
        "logs/external/{model}/shard-{shard}.log",
    benchmark:
        "benchmarks/external/{model}/shard-{shard}.tsv"
    wildcard_constraints:
        model=one_of(EXPERIMENT.external),
    conda:
        "../envs/segmake.yaml"
    threads: 8
    resources:
        mem_mb=mem_mb(16000),
        runtime=240,
        gpu=int(SETTINGS.predict.device == "cuda"),
    params:
        settings=lambda wildcards: flags(EXPERIMENT.external[wildcards.model]) + BATCH,
        digest=lambda wildcards: EXPERIMENT.external_digest(wildcards.model),
    shell:
        "segmake --log {log:q} external --table {input.table:q} --plan {input.plan:q} "
        "--output {output.table:q} --threads {threads} {params.settings:q}"

"""resample: takes canonical NIfTI and the plan, makes training-ready arrays."""


rule resample:
    """Crop, normalise, resample and compress the training cases of one shard."""
    input:
        table="convert/shard-{shard}.tsv",
        plan="plan/plan.json",
    output:
        table="resample/shard-{shard}.tsv",
    log:
        "logs/resample/shard-{shard}.log",
    benchmark:
        "benchmarks/resample/shard-{shard}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 4
    resources:
        # twice what benchmarks/stage_memory.py measured
        mem_mb=mem_mb(3000, per_megavoxel=35 * len(EXPERIMENT.data.channels)),
        runtime=120,
    params:
        settings=flags(SETTINGS.resample) + BATCH + SEED,
    shell:
        "segmake --log {log:q} resample --table {input.table:q} --plan {input.plan:q} "
        "--output {output.table:q} --threads {threads} {params.settings:q}"

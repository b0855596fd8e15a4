"""phantom: takes a seed, makes synthetic scans with exact truth (only when data.layout is phantom)."""


rule phantom:
    """Make the phantoms of one shard."""
    output:
        table="phantom/shard-{shard}.tsv",
    log:
        "logs/phantom/shard-{shard}.log",
    benchmark:
        "benchmarks/phantom/shard-{shard}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 4
    resources:
        mem_mb=mem_mb(2000),
        runtime=60,
    params:
        settings=flags(SETTINGS.phantom) + BATCH + SEED,
        shard=lambda wildcards: ["--shard", str(int(wildcards.shard)), "--shards", str(SETTINGS.shards)],
        cases=lambda wildcards: [case.name for case in EXPERIMENT.shards[wildcards.shard]],
    shell:
        "segmake --log {log:q} phantom --output {output.table:q} --threads {threads} "
        "{params.shard:q} {params.settings:q}"

"""convert: takes any scan, makes canonical NIfTI (RAS+, one grid per case, checked) and a passport row."""


rule convert:
    """Convert the cases of one shard."""
    input:
        phantoms=phantom_table,
    output:
        table="convert/shard-{shard}.tsv",
    log:
        "logs/convert/shard-{shard}.log",
    benchmark:
        "benchmarks/convert/shard-{shard}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 4
    resources:
        mem_mb=mem_mb(4000),
        runtime=120,
    params:
        data=data_flags,
        settings=flags(CONVERT) + BATCH,
        digest=source_digest,
    shell:
        "segmake --log {log:q} convert --output {output.table:q} --threads {threads} "
        "{params.data:q} {params.settings:q}"

"""slice, divide: take volumes and places in them, or 2D images; make patches with class and patient, and their
folds. The folds are those of the plan where there is a 3D branch."""


rule slice:
    """Cut the patches of one shard."""
    input:
        unpack(slice_input),
    output:
        table="slice/shard-{shard}.tsv",
    log:
        "logs/slice/shard-{shard}.log",
    benchmark:
        "benchmarks/slice/shard-{shard}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 4
    resources:
        mem_mb=mem_mb(4000),
        runtime=120,
    params:
        data=lambda wildcards, input: EXPERIMENT.slice_flags(wildcards.shard, dict(input.items())),
        settings=flags(SLICE, leave_out=("model",)) + BATCH,
        digest=lambda wildcards: EXPERIMENT.slice_digest(wildcards.shard),
    shell:
        "segmake --log {log:q} slice --output {output.table:q} --threads {threads} "
        "{params.data:q} {params.settings:q}"


rule divide:
    """Give every case a fold, and look for what would make the scores too good."""
    input:
        tables=per_shard("slice/shard-{shard}.tsv", KNOWN),
        plan=["plan/plan.json"] if MODELS else [],
    output:
        folds="divide/folds.tsv",
        guards=report(
            "divide/guards.tsv",
            caption="../report/guards.rst",
            category="Quality",
            labels={"table": "honesty guards"},
        ),
    log:
        "logs/divide/divide.log",
    benchmark:
        "benchmarks/divide/divide.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=60,
    params:
        tables=given("tables"),
        folds=lambda wildcards, input: EXPERIMENT.divide_flags(input.plan),
        settings=flags(SETTINGS.divide) + SEED,
        digest=hash_path(PLAN.splits)[:16] if PLAN.splits else "",
    shell:
        "segmake --log {log:q} divide {params.tables} --output {output.folds:q} "
        "--guards {output.guards:q} {params.folds:q} {params.settings:q}"

"""plan: takes all passport rows, makes plan.json: folds, grid, patch, network shape, normalisation."""

from segmake.tables import hash_path


rule plan:
    """Choose how to prepare the cases and how to train, with a reason for each choice."""
    input:
        tables=per_shard("convert/shard-{shard}.tsv", KNOWN),
    output:
        plan="plan/plan.json",
    log:
        "logs/plan/plan.log",
    benchmark:
        "benchmarks/plan/plan.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=30,
    params:
        tables=given("tables"),
        meaning=MEANING + flags(SETTINGS.resample, leave_out=("locations",)),
        names=["--pseudonymise", str(CONVERT.pseudonymise)] if CONVERT.pseudonymise and PLAN.splits else [],
        settings=flags(PLAN) + SEED,
        sites=["--sites", json.dumps(EXPERIMENT.sites())] if EXPERIMENT.sites() else [],
        # no input: Snakemake would keep a list of the folder that it lies in, where names may stand
        digest=hash_path(PLAN.splits)[:16] if PLAN.splits else "",
    shell:
        "segmake --log {log:q} plan {params.tables} --output {output.plan:q} "
        "{params.meaning:q} {params.names:q} {params.sites:q} {params.settings:q}"

"""postprocess: takes label maps, chooses on cross-validation how to clean them, makes clean ones.

Without `postprocess.candidates` there is nothing to do, and what comes after takes the label maps of predict.
"""

LABELLED = "postprocess" if SETTINGS.postprocess.candidates else "predict"


rule tune:
    """Choose the post-processing that helps on the out-of-fold label maps of all shards."""
    input:
        tables=per_shard("convert/shard-{shard}.tsv", KNOWN),
        predictions=per_shard("predict/{model}/shard-{shard}.tsv", KNOWN),
        plan="plan/plan.json",
    output:
        recipe="postprocess/{model}/recipe.json",
    log:
        "logs/tune/{model}.log",
    benchmark:
        "benchmarks/tune/{model}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 4
    resources:
        mem_mb=mem_mb(8000),
        runtime=240,
    params:
        tables=given("tables", "predictions"),
        settings=flags(SETTINGS.postprocess) + SEED,
    shell:
        "segmake --log {log:q} tune {params.tables} --plan {input.plan:q} "
        "--output {output.recipe:q} --threads {threads} {params.settings:q}"


rule postprocess:
    """Clean the label maps of one shard; training cases by what the other folds' cases chose."""
    input:
        predictions="predict/{model}/shard-{shard}.tsv",
        recipe="postprocess/{model}/recipe.json",
        plan="plan/plan.json",
    output:
        table="postprocess/{model}/shard-{shard}.tsv",
    log:
        "logs/postprocess/{model}/shard-{shard}.log",
    benchmark:
        "benchmarks/postprocess/{model}/shard-{shard}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 4
    resources:
        mem_mb=mem_mb(8000),
        runtime=120,
    params:
        settings=BATCH,
    shell:
        "segmake --log {log:q} postprocess --predictions {input.predictions:q} --recipe {input.recipe:q} "
        "--plan {input.plan:q} --output {output.table:q} --threads {threads} {params.settings:q}"

"""score, froc, delong: take logits of patches; make calibrated probabilities, decisions and scores per patch,
lesion and patient, the FROC of lesions that a 3D model found, and the comparison of classifiers.
"""


rule score:
    """Calibrate and decide on out-of-fold patches, score every level with intervals over patients."""
    input:
        tables=per_shard("classify/{classifier}/shard-{shard}.tsv"),
        phantoms=(per_shard("phantom/shard-{shard}.tsv") if DETECTS and PHANTOM_LESIONS else []),
    output:
        **MARKS,
        summary=report(
            "score/{classifier}/summary.tsv",
            caption="../report/classification.rst",
            category="Classification",
            labels={"classifier": "{classifier}", "table": "scores"},
        ),
        predictions="score/{classifier}/predictions.tsv",
        curves="score/{classifier}/curves.tsv",
        confusion="score/{classifier}/confusion.tsv",
        decision="score/{classifier}/decision.json",
    log:
        "logs/score/{classifier}.log",
    benchmark:
        "benchmarks/score/{classifier}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=60,
    params:
        tables=given("tables"),
        settings=flags(SETTINGS.score) + SEED,
        places=places,
        # no input: Snakemake would keep a list of the folder that it lies in, where names may stand
        digest=hash_path(SLICE.lesions)[:16] if DETECTS and SLICE.lesions else "",
    shell:
        "segmake --log {log:q} score {params.tables} --output {output.summary:q} "
        "{params.places:q} {params.settings:q}"


rule froc:
    """Evaluate detection and classification together, as LUNA16 does."""
    input:
        **MARKS,
    output:
        table=report(
            "score/{classifier}/froc.tsv",
            caption="../report/froc.rst",
            category="Classification",
            labels={"classifier": "{classifier}", "table": "FROC"},
        ),
        curve="score/{classifier}/froc_curve.tsv",
    log:
        "logs/froc/{classifier}.log",
    benchmark:
        "benchmarks/froc/{classifier}.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=30,
    params:
        settings=flags(SETTINGS.score, leave_out=SCORING_ALONE) + SEED,
    shell:
        "segmake --log {log:q} froc --candidates {input.marks:q} --annotations {input.nodules:q} "
        "--scans {input.scans:q} --output {output.table:q} --curve {output.curve:q} {params.settings:q}"


rule delong:
    """Compare the classifiers on the cases they share."""
    input:
        predictions=expand("score/{classifier}/predictions.tsv", classifier=CLASSIFIERS),
    output:
        table=report(
            "score/comparison.tsv",
            caption="../report/delong.rst",
            category="Classification",
            labels={"table": "comparison"},
        ),
    log:
        "logs/delong/delong.log",
    benchmark:
        "benchmarks/delong/delong.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=30,
    params:
        settings=flags(SETTINGS.score, leave_out=(*SCORING_ALONE, "resamples")),
    shell:
        "segmake --log {log:q} delong --predictions {input.predictions:q} --output {output.table:q} "
        "{params.settings:q}"

"""predict: takes models and cases, makes label maps on the native grid of each source."""

DICOM = ("dicom_seg", "codes")  # of one scan at a time: the tables name no source


rule predict:
    """Predict one shard: training cases out of fold, test and new cases by all folds together."""
    input:
        table="convert/shard-{shard}.tsv",
        models=lambda wildcards: [
            f"train/{wildcards.model}/fold-{fold}/model.pt" for fold in TRAINED[wildcards.model].folds
        ],
    output:
        table="predict/{model}/shard-{shard}.tsv",
    log:
        "logs/predict/{model}/shard-{shard}.log",
    benchmark:
        "benchmarks/predict/{model}/shard-{shard}.tsv"
    wildcard_constraints:
        model=one_of(TRAINED),
    conda:
        "../envs/segmake.yaml"
    threads: 8
    resources:
        mem_mb=mem_mb(int(1250 * SETTINGS.predict.memory_gb)),
        runtime=240,
        gpu=int(SETTINGS.predict.device == "cuda"),
    params:
        settings=lambda wildcards: (
            flags(SETTINGS.predict, leave_out=DICOM) + BATCH + EXPERIMENT.trust(wildcards.model)
        ),
    shell:
        "segmake --log {log:q} predict --table {input.table:q} --model {input.models:q} "
        "--output {output.table:q} --threads {threads} {params.settings:q}"

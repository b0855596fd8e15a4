"""describe, crate: take manifests and tables; make the methods text, model cards and checklists, and the
RO-Crate of the whole run."""

IMAGES = CLASSIFIERS and SLICE.source == "images"
RESULTS = [
    *(per_shard("phantom/shard-{shard}.tsv") if SETTINGS.data.layout == "phantom" else []),
    *([] if IMAGES and not MODELS else per_shard("convert/shard-{shard}.tsv", KNOWN)),
    *(["plan/plan.json", *per_shard("resample/shard-{shard}.tsv", KNOWN)] if MODELS else []),
    *(f"train/{model}/fold-{fold}/model.pt" for model in TRAINED for fold in TRAINED[model].folds),
    *expand("predict/{model}/shard-{shard}.tsv", model=MODELS, shard=SHARDS),
    *expand(
        ["postprocess/{model}/recipe.json", "postprocess/{model}/shard-{shard}.tsv"],
        model=MODELS if LABELLED == "postprocess" else [],
        shard=SHARDS,
    ),
    *expand("evaluate/{model}/shard-{shard}.tsv", model=MODELS, shard=KNOWN),
    *expand("evaluate/{model}/summary.tsv", model=MODELS),
    *(["evaluate/comparison.tsv"] if COMPARED else []),
    *(per_shard("slice/shard-{shard}.tsv") if CLASSIFIERS else []),
    *(["divide/folds.tsv"] if CLASSIFIERS else []),
    *(f"fit/{name}/fold-{fold}/model.pt" for name in CLASSIFIERS for fold in CLASSIFIERS[name].folds),
    *expand("classify/{classifier}/shard-{shard}.tsv", classifier=CLASSIFIERS, shard=SHARDS),
    *CLASSIFIED,
]


rule describe:
    """Write the methods text, a card for each model, and the reporting checklists."""
    input:
        results=RESULTS,
    output:
        methods="describe/methods.md",
        bibtex="describe/methods.bib",
        checklists="describe/checklists.tsv",
        cards=expand("describe/{model}/README.md", model=[*TRAINED, *CLASSIFIERS]),
    log:
        "logs/describe/describe.log",
    benchmark:
        "benchmarks/describe/describe.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=30,
    params:
        results=given("results"),
        settings=flags(SETTINGS.describe),
    shell:
        "segmake --log {log:q} describe {params.results} --output {output.methods:q} {params.settings:q}"


rule crate:
    """Describe every job of the run, with what it read and made, for archives."""
    input:
        results=RESULTS,
        methods="describe/methods.md",
        examples=expand("examples/{model}/examples.tsv", model=MODELS),
        told=["figures/figures.tsv", "report/index.html"] if MODELS else [],
    output:
        metadata="ro-crate-metadata.json",
    log:
        "logs/crate/crate.log",
    benchmark:
        "benchmarks/crate/crate.tsv"
    conda:
        "../envs/segmake.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=30,
    params:
        results=lambda wildcards, input: brace(input),
        settings=flags(SETTINGS.describe, leave_out=("answers",)),
        snakefile=str(ROOT / "Snakefile"),
    shell:
        "segmake --log {log:q} crate --results {params.results} --workflow {params.snakefile:q} "
        "--output {output.metadata:q} {params.settings:q}"

"""What a run tells people: its jobs when it starts, results or failures when it ends. No rules."""

from contextlib import suppress


def note_run():
    """Note the jobs of this run for `segmake status`; failures of an earlier one are forgotten."""
    from segmake.operations.failures import write_failures
    from segmake.operations.roster import write_roster

    order = {name: place for place, name in enumerate(rule.name for rule in workflow.rules)}
    jobs = [job for job in workflow.dag.jobs if job.rule.shellcmd]
    entries = [entry_of(job) for job in sorted(jobs, key=lambda job: order[job.rule.name])]
    cores = workflow.global_resources["_cores"].value  # None on a cluster, where workflow.cores would raise
    with suppress(OSError):  # where no note can be written, the jobs will say so
        write_failures(Path(), [])
        write_roster(Path(), entries, cores, workflow.nodes)


def entry_of(job):
    """What `segmake status` asks about a job."""
    from segmake.operations.roster import Entry

    settings = job.params.get("settings", ())
    return Entry(
        stage=job.rule.name,
        name=", ".join(map(str, job.wildcards)),
        outputs=tuple(map(str, job.output)),
        log=str(job.log),
        benchmark=str(job.benchmark or ""),
        threads=job.threads,
        todo=workflow.dag.needrun(job),
        words=tuple(settings) if "history" in job.output.keys() else (),
    )


def tell_results():
    """Print the summary tables and where the report is."""
    from segmake.stages.score import format_scores
    from segmake.stages.summarize import format_summary

    for model in MODELS:
        summary = Path(f"evaluate/{model}/summary.tsv")
        if summary.exists():
            print(f"\n{model}\n{format_summary(summary)}", file=sys.stderr)
    for classifier in CLASSIFIERS:
        summary = Path(f"score/{classifier}/summary.tsv")
        if summary.exists():
            print(f"\n{classifier}\n{format_scores(summary)}", file=sys.stderr)
    if Path("report/index.html").exists():
        print(f"\nReport: {Path('report/index.html').resolve()}", file=sys.stderr)


def tell_failures():
    """Print the jobs that failed with the ends of their logs, and leave them in a table."""
    from segmake.operations.failures import FAILURES, find_failures, format_failures, write_failures
    from segmake.operations.roster import ROSTER, read_roster

    failures = find_failures(read_roster(Path()), alive=True) if ROSTER.exists() else []
    if failures:
        with suppress(OSError):
            write_failures(Path(), failures)
        table = FAILURES.resolve()
        jobs = "1 job" if len(failures) == 1 else f"{len(failures)} jobs"
        told = f"{jobs} failed ({table}):\n{format_failures(failures)}"
        print(
            f"\n{told}\nWhat is done is kept: mend the cause and run the same command again.", file=sys.stderr
        )


onstart:
    note_run()


onsuccess:
    tell_results()


onerror:
    tell_failures()

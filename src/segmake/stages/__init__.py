"""The pipeline: one thin file per stage. Paths in, paths out, no arithmetic; `run(job)` is its only door."""

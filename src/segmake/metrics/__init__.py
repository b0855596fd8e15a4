"""Scores: counts first, distances once, ratios after, and a named policy for empty masks."""

"""Volumes made comparable: fingerprint, planning, intensity and the preparation of a case."""

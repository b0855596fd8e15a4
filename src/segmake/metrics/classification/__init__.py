"""How good a classifier is: ranking, decisions, calibration, and how sure one can be, over patients.

A `Statistic` takes weights [draws, rows] and gives its value for each draw, so that the number itself, its
bootstrap and its jackknife are one calculation. Rows that are all weighed 1 are the data as they are.
"""

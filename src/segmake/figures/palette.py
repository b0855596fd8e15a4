"""The colours of figures and pictures, as text: importable without a drawing library.

Okabe & Ito, Color Universal Design (2008), in an order whose neighbours differ in grey.
"""

PALETTE = ("#0072B2", "#D55E00", "#56B4E9", "#009E73", "#E69F00", "#000000", "#CC79A7")
ON_IMAGE = ("#56B4E9", "#E69F00", "#F0E442", "#CC79A7", "#00C78F", "#FF7F50", "#FFFFFF")
"""Brighter relatives of the palette, for lines on a dark image."""
INK = "#222222"
FAINT = "#767676"
GRID = "#E3E3E3"

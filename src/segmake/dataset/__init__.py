"""Which cases there are: the case sheet, folder layouts, folds, and phantoms to stand in for patients."""

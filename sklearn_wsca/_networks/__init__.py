"""Several seeds or folds of one network: how far their numbers and verdicts spread.

Whether they are of the same rows and columns; means, standard deviations, counts.
"""

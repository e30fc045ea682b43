"""Plots of fitted estimators, one class per plot.

matplotlib is imported where a plot is drawn.
"""

"""Repair: does an erasure that is fitted on some rows help on others, at what price?

Utilization before and after, and performance with its interval.
"""

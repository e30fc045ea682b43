"""The road of an analysis: prepare, fit, audit, summarise, describe.

Knows the order of the steps; what they compute lies below.
"""

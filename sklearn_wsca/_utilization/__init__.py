"""Utilization: do the outputs move with the column at fixed target?

Measure (`regression`, `output_model`), interval, null and inference.
"""

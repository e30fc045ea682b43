"""What the numbers are computed on: numpy or torch, workers, and memory.

Knows no statistics.
"""

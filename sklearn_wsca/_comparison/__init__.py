"""Two networks on the same rows: does one use a column more than the other?

The difference of two utilizations, its null distribution, interval and verdict.
"""

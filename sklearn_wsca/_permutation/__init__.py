"""What is permuted, how permutations are drawn, and how they become a p-value.

Knows nulls by their statistics only.
"""

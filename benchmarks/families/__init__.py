"""Families of simulated studies in which a verdict could mislead, each with a claim."""

"""Result of an analysis as one dict, and that dict in several formats."""

"""The package beside methods and packages that answer a similar question."""

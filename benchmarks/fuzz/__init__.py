"""Damaged and lying files of every format: refused in one line, or read right."""

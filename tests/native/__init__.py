"""Tests of what native libraries read."""

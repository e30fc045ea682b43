"""Networks whose use of a simulated scanner is known, and who finds it."""

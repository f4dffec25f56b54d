"""The function's zip: one for each runtime, the same bytes from the same sources, with its bill of materials."""

"""How good what is live is: over all, by slice, and against how it was after its promotion."""

"""Sparse linear models of 64-bit feature keys, learned sample by sample."""

"""A simulated news feed of which the true click probabilities are known. Imports no Django."""

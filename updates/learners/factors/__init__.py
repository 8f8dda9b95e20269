"""Matrix factorisation: a vector and a bias for each user and each item."""

"""Other systems, told of what happens here or asked: each optional (docs/neighbours.md)."""

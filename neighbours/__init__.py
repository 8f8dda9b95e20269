"""Other systems that are told what happens here, or asked: each optional (docs/neighbours.md)."""

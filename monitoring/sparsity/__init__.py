"""What a model keeps of its features, how that grows, and when it no longer fits."""

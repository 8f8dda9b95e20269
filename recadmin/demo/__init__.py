"""What ``make run`` plays: MovieLens 100K, and a simulated news feed with eight recommenders."""

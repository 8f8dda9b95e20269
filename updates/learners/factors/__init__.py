"""User and item vectors with biases, whose product says what a user will like."""

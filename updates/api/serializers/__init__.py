"""What goes in and out, by noun."""

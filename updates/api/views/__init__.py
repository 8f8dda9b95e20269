"""Input, flow, answer."""

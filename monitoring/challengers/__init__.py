"""Champion and challenger on the same samples: which of both predicts better, at what cost."""

"""Boosted trees whose leaves are the features of a logistic regression (He et al. 2014)."""

"""The learner ``sklearn``: scikit-learn's estimators, and those that are made like them."""

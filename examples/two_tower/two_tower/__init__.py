"""A learner of recadmin in a package of its own."""

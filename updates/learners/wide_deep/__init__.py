"""Wide & Deep: a linear model of sparse features beside embeddings under a network."""

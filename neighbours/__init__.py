"""Other systems, each optional, that are told of what happens here, or asked."""

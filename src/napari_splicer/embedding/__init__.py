"""Floor 7: a model turns cells into embeddings."""

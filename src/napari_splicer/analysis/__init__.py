"""Floor 8: embeddings become clusters, maps and profiles."""

"""Text -> vectors: token embeddings for MaxSim, pooled ones for retrieval."""

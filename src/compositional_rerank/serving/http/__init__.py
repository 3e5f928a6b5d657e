"""The reranker over HTTP, in the shapes that clients of other services send and read."""

"""The reranker for other programs: what they ask comes in over a protocol, and goes to one loaded model."""

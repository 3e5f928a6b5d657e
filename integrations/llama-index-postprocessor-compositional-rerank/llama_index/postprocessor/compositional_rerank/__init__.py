"""LlamaIndex node postprocessor and embedding over the core `compositional_rerank`."""

from llama_index.postprocessor.compositional_rerank.base import CompositionalRerank
from llama_index.postprocessor.compositional_rerank.embedding import StructuralEmbedding

__all__ = ["CompositionalRerank", "StructuralEmbedding"]

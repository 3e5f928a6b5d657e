"""LlamaIndex postprocessor, evaluator, embedding and transformation over the core `compositional_rerank`."""

from llama_index.postprocessor.compositional_rerank.base import CompositionalRerank
from llama_index.postprocessor.compositional_rerank.embedding import StructuralEmbedding
from llama_index.postprocessor.compositional_rerank.evaluator import CompositionalFaithfulnessEvaluator
from llama_index.postprocessor.compositional_rerank.warmer import CompositionalWarmer

__all__ = [
    "CompositionalFaithfulnessEvaluator",
    "CompositionalRerank",
    "CompositionalWarmer",
    "StructuralEmbedding",
]

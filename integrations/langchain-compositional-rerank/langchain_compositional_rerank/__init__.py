"""LangChain compressor, retriever, checker, embeddings, transformer and caches."""

from langchain_compositional_rerank.caches import CompositionalCache, GuardedCache
from langchain_compositional_rerank.checker import CompositionalChecker
from langchain_compositional_rerank.compressor import CompositionalReranker
from langchain_compositional_rerank.embeddings import StructuralEmbeddings
from langchain_compositional_rerank.retriever import CompositionalRetriever
from langchain_compositional_rerank.warmer import CompositionalWarmer

__all__ = [
    "CompositionalCache",
    "CompositionalChecker",
    "CompositionalReranker",
    "CompositionalRetriever",
    "CompositionalWarmer",
    "GuardedCache",
    "StructuralEmbeddings",
]

"""LangChain compressor, retriever, checker, embeddings and transformer over `compositional_rerank`."""

from langchain_compositional_rerank.checker import CompositionalChecker
from langchain_compositional_rerank.compressor import CompositionalReranker
from langchain_compositional_rerank.embeddings import StructuralEmbeddings
from langchain_compositional_rerank.retriever import CompositionalRetriever
from langchain_compositional_rerank.warmer import CompositionalWarmer

__all__ = [
    "CompositionalChecker",
    "CompositionalReranker",
    "CompositionalRetriever",
    "CompositionalWarmer",
    "StructuralEmbeddings",
]

"""LangChain document compressor, retriever and embeddings over the core `compositional_rerank`."""

from langchain_compositional_rerank.compressor import CompositionalReranker
from langchain_compositional_rerank.embeddings import StructuralEmbeddings
from langchain_compositional_rerank.retriever import CompositionalRetriever

__all__ = ["CompositionalReranker", "CompositionalRetriever", "StructuralEmbeddings"]

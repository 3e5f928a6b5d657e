"""A generated answer, sentence by sentence, against the passages that it was made from."""

from compositional_rerank.checking.text import annotated, to_text

__all__ = ["annotated", "to_text"]

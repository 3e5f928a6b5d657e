"""Why a passage ranks where it does: which word met which, as data, text and HTML."""

from compositional_rerank.explaining.explain import explain
from compositional_rerank.explaining.explanation import Explanation
from compositional_rerank.explaining.html import to_html
from compositional_rerank.explaining.text import to_text

__all__ = ["Explanation", "explain", "to_html", "to_text"]

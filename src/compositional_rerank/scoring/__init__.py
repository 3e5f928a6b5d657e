"""The one scoring module: pure functions over arrays, no text, no I/O."""

from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.scoring.maxsim import maxsim
from compositional_rerank.scoring.similarity import Similarities, match, similarity_map
from compositional_rerank.scoring.tokens import PackedTokens

__all__ = ["Fusion", "PackedTokens", "Similarities", "match", "maxsim", "similarity_map"]

"""Many passages into a store, in this process or on a Ray cluster."""

from compositional_rerank.warming.warm import Warmed, warm

__all__ = ["Warmed", "warm"]

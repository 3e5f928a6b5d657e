"""Both example apps, one after the other, in one process: importing torch takes longer than an app."""

from __future__ import annotations

import langchain_retriever_chain
import llamaindex_query_engine

if __name__ == "__main__":
    llamaindex_query_engine.main()
    langchain_retriever_chain.main()

"""Both example apps and then all queries, in one process: importing torch takes longer than an app."""

from __future__ import annotations

import all_queries
import langchain_retriever_chain
import llamaindex_query_engine

if __name__ == "__main__":
    llamaindex_query_engine.main()
    langchain_retriever_chain.main()
    all_queries.measure()

"""What other projects' clients of a reranking service answer, as JSON: clients.py runs it.

Standard input has ``url``, ``key`` and ``lists``: pairs of a query and its passages. Only the clients and the
standard library are needed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from haystack import Document as HaystackDocument
from haystack.utils import Secret
from haystack_integrations.components.rankers.huggingface_api import HuggingFaceTEIRanker
from langchain_cohere import CohereRerank as LangChainCohere
from langchain_core.documents import Document as LangChainDocument
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank as LlamaIndexCohere
from llama_index.postprocessor.jinaai_rerank import JinaRerank
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

Found = list[tuple[int, float]]
Ask = Callable[[str, list[str]], Found]


def main() -> None:
    """Ask every client every list, then with a wrong key and a blank query."""
    asked = json.load(sys.stdin)
    answers = {}
    url, key, lists = asked["url"], asked["key"], asked["lists"]
    for (name, package), make in CLIENTS.items():
        answers[name] = {
            "version": version(package),
            "found": [make(url, key, len(texts))(query, texts) for query, texts in lists],
            "refused": {
                "wrong key": _error(make(url, "wrong", 2), "Who wrote Faust?", ["a", "b"]),
                "query is blank": _error(make(url, key, 2), " ", ["a", "b"]),
            },
        }
    json.dump(answers, sys.stdout)


def _error(ask: Ask, query: str, texts: list[str]) -> tuple[str, str]:
    """Class and text of what is raised."""
    try:
        ask(query, texts)
    except Exception as error:
        return type(error).__name__, str(error)
    return "nothing", ""


def _langchain_cohere(url: str, key: str, top_n: int) -> Ask:
    client = LangChainCohere(model="any", base_url=url, cohere_api_key=key, top_n=top_n)

    def ask(query: str, texts: list[str]) -> Found:
        documents = [LangChainDocument(text, metadata={"place": place}) for place, text in enumerate(texts)]
        ranked = client.compress_documents(documents, query)
        return [(one.metadata["place"], one.metadata["relevance_score"]) for one in ranked]

    return ask


def _llama_index(client: Any) -> Ask:
    def ask(query: str, texts: list[str]) -> Found:
        nodes = [NodeWithScore(node=TextNode(text=text, id_=str(at))) for at, text in enumerate(texts)]
        ranked = client.postprocess_nodes(nodes, QueryBundle(query))
        return [(int(one.node.node_id), one.score) for one in ranked]

    return ask


def _haystack(url: str, key: str, top_k: int) -> Ask:
    client = HuggingFaceTEIRanker(url=url, token=Secret.from_token(key), top_k=top_k, max_retries=0)

    def ask(query: str, texts: list[str]) -> Found:
        documents = [HaystackDocument(content=text, meta={"place": at}) for at, text in enumerate(texts)]
        ranked = client.run(query=query, documents=documents)["documents"]
        return [(one.meta["place"], one.score) for one in ranked]

    return ask


CLIENTS: dict[tuple[str, str], Callable[[str, str, int], Ask]] = {
    ("LangChain CohereRerank", "langchain-cohere"): _langchain_cohere,
    ("LlamaIndex CohereRerank", "llama-index-postprocessor-cohere-rerank"): lambda url, key, top_n: (
        _llama_index(LlamaIndexCohere(base_url=url, api_key=key, top_n=top_n))
    ),
    ("LlamaIndex JinaRerank", "llama-index-postprocessor-jinaai-rerank"): lambda url, key, top_n: (
        _llama_index(JinaRerank(base_url=f"{url}/v1", api_key=key, top_n=top_n))
    ),
    ("LlamaIndex TextEmbeddingInference", "llama-index-postprocessor-tei-rerank"): lambda url, key, top_n: (
        _llama_index(TextEmbeddingInference(base_url=url, auth_token=f"Bearer {key}", top_n=top_n))
    ),
    ("Haystack HuggingFaceTEIRanker", "huggingface-api-haystack"): _haystack,
}

if __name__ == "__main__":
    main()

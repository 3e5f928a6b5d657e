"""An agent's memory in a LangGraph store that does not return two opposite facts.

Needs LangGraph: ``pip install langgraph``. Runs offline. In a graph, take the store that LangGraph hands to
your node (``runtime.store``) in place of the one made here; every store with a semantic index does.
"""

from __future__ import annotations

from uuid import uuid4

from facts import changes_of, without_opposites
from langgraph.store.base import BaseStore, SearchItem
from langgraph.store.memory import InMemoryStore

from compositional_rerank import CompositionalReranker
from langchain_compositional_rerank import StructuralEmbeddings

FACTS = ("users", "ada", "facts")
CLOSEST = 10  # stored facts that a new one is checked against: those that the store finds for it


def remember(store: BaseStore, reranker: CompositionalReranker, said: str) -> None:
    """Store what is said; what it clearly denies is kept as history and no longer found."""
    found = store.search(FACTS, query=said, filter={"holds": True}, limit=CLOSEST)
    for change in changes_of(reranker, said, [item.value["text"] for item in found]):
        concerned = [found[place] for place in change.places]
        print(f"{change.action:8} {change.statement}")
        for item in concerned:
            print(f"         {item.value['text']}")
        if change.action == "known":
            continue
        if change.action == "replace":
            for item in concerned:
                store.put(FACTS, item.key, {**item.value, "holds": False}, index=False)
        # "ask": here both are kept; your agent asks the user, or a language model, and puts one away
        store.put(FACTS, str(uuid4()), {"text": change.statement, "holds": True})


def recall(
    store: BaseStore, reranker: CompositionalReranker, question: str, limit: int = 3
) -> list[SearchItem]:
    """The facts that answer a question, best first; of two opposite ones the newer."""
    found = store.search(FACTS, query=question, filter={"holds": True}, limit=CLOSEST)
    newest_first = sorted(found, key=lambda item: item.updated_at, reverse=True)
    kept = [
        newest_first[place]
        for place in without_opposites(reranker, [item.value["text"] for item in newest_first])
    ]
    ranking = reranker.rerank(question, [item.value["text"] for item in kept], limit)
    return [kept[result.index] for result in ranking]


def main() -> None:
    embeddings = StructuralEmbeddings()
    store = InMemoryStore(index={"embed": embeddings, "dims": 384, "fields": ["text"]})
    reranker = CompositionalReranker.from_pretrained()
    for said in (
        "The user is allergic to penicillin.",
        "The user's office is closed on Fridays.",
        "The user is allergic to penicillin.",
        "The user is not allergic to penicillin.",
        "The user has two cats.",
    ):
        remember(store, reranker, said)
    # A store that others fill without a check: both are in it, and only the newer one is recalled.
    store.put(FACTS, "imported", {"text": "The user's office is open on Fridays.", "holds": True})
    for question in ("Is the user allergic to penicillin?", "Is the user's office open on Fridays?"):
        print(f"\n{question}")
        for item in recall(store, reranker, question, limit=1):
            print(f"  {item.value['text']}")


if __name__ == "__main__":
    main()

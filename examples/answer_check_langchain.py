"""A LangChain (LCEL) chain that checks its own answer, sentence by sentence.

Runs offline, with an answer that a language model may give; with --base-url and --model, an OpenAI-compatible
endpoint writes it.
"""

from __future__ import annotations

import argparse
from typing import Any

from common import WIDTH, WRITTEN, chat, parse_arguments, questions, read_corpus
from langchain_core.documents import Document
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from compositional_rerank import CompositionalReranker
from compositional_rerank.checking import annotated, to_text
from langchain_compositional_rerank import CompositionalChecker, CompositionalRetriever, StructuralEmbeddings
from langchain_compositional_rerank import CompositionalReranker as Reranker

CANDIDATES = 20
PROMPT = PromptTemplate.from_template(
    "Answer the question from the context alone.\n\nContext:\n{context}\n\nQuestion: {question}\nAnswer:"
)


def writer(arguments: argparse.Namespace) -> Runnable[dict[str, Any], str]:
    """The step that answers: the endpoint, or what is written here."""
    if arguments.base_url is None:
        return RunnableLambda(lambda found: WRITTEN[found["question"]])

    def ask(prompt: PromptValue) -> str:
        return chat(arguments.base_url, arguments.model, prompt.to_string())

    context = RunnableLambda(
        lambda found: "\n\n".join(document.page_content for document in found["documents"])
    )
    return RunnablePassthrough.assign(context=context) | PROMPT | RunnableLambda(ask)


def main() -> None:
    arguments = parse_arguments("LangChain chain with CompositionalChecker")
    documents = [
        Document(passage["text"], id=passage["id"], metadata={"title": passage["title"]})
        for passage in read_corpus()
    ]
    vectors = InMemoryVectorStore(StructuralEmbeddings())
    vectors.add_documents(documents)
    core = CompositionalReranker.from_pretrained()
    retriever = CompositionalRetriever(
        base_retriever=vectors.as_retriever(search_kwargs={"k": CANDIDATES}),
        reranker=Reranker.from_reranker(core, near_misses="mark"),  # a denial must be seen to be told
        k=arguments.show,
    )
    chain = (
        RunnablePassthrough.assign(documents=lambda given: retriever.invoke(given["question"]))
        .assign(answer=writer(arguments))
        .assign(checked=CompositionalChecker.from_reranker(core))
    )
    for question in questions(arguments):
        found = chain.invoke({"question": question})
        checked = found["checked"]
        titles = [document.metadata["title"] for document in found["documents"]]
        print(f"\n{'=' * WIDTH}\nQuestion: {question}\n\n{annotated(checked)}\n")
        for number, title in enumerate(titles, 1):
            print(f"[{number}] {title}")
        print(f"\n{to_text(checked, WIDTH, titles)}")
        if checked.flagged:
            print("Do not show this answer as it is: a passage denies it or speaks of another thing.")


if __name__ == "__main__":
    main()

"""A LangChain (LCEL) chain that retrieves, reranks and answers.

Runs offline; with --base-url and --model, an OpenAI-compatible endpoint writes the answer.
"""

from __future__ import annotations

from typing import Any

from common import (
    TELLING_QUERIES,
    Row,
    best_sentence,
    chat,
    parse_arguments,
    passage_text,
    read_corpus,
    show,
    show_summary,
)
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

import compositional_rerank as core
from langchain_compositional_rerank import CompositionalReranker, CompositionalRetriever, StructuralEmbeddings

CANDIDATES = 20
PROMPT = PromptTemplate.from_template(
    "Answer the question from the context alone.\n\nContext:\n{context}\n\nQuestion: {question}\nAnswer:"
)


def write_answer(
    reranker: core.CompositionalReranker, base_url: str | None, model: str | None
) -> Runnable[dict[str, Any], str]:
    """The chain's last step: from question and documents to the answer."""
    if base_url is None or model is None:
        return RunnableLambda(
            lambda found: best_sentence(
                reranker,
                found["question"],
                found["documents"][0].page_content,
                found["documents"][0].metadata["evidence"],
            )
        )

    def ask(prompt: PromptValue) -> str:
        return chat(base_url, model, prompt.to_string())

    context = RunnableLambda(
        lambda found: "\n\n".join(document.page_content for document in found["documents"])
    )
    return RunnablePassthrough.assign(context=context) | PROMPT | RunnableLambda(ask) | StrOutputParser()


def to_row(document: Document, **scores: Any) -> Row:
    return Row(str(document.id), document.metadata["title"], document.page_content, **scores)


def main() -> None:
    arguments = parse_arguments("LangChain retriever chain with CompositionalRetriever")
    documents = [
        Document(id=passage["id"], page_content=passage_text(passage), metadata={"title": passage["title"]})
        for passage in read_corpus()
    ]
    vectors = InMemoryVectorStore(StructuralEmbeddings())
    vectors.add_documents(documents)
    reranker = core.CompositionalReranker.from_pretrained()
    retriever = CompositionalRetriever(
        base_retriever=vectors,
        search_kwargs={"k": CANDIDATES},
        reranker=CompositionalReranker.from_reranker(reranker),
        k=arguments.show,
    )
    chain = RunnablePassthrough.assign(documents=lambda found: retriever.invoke(found["question"])).assign(
        answer=write_answer(reranker, arguments.base_url, arguments.model)
    )

    rankings = []
    for query in arguments.query or TELLING_QUERIES:
        before = [
            to_row(document, retrieval_score=float(score))
            for document, score in vectors.similarity_search_with_score(query, k=CANDIDATES)
        ]
        found = chain.invoke({"question": query})
        after = [
            to_row(
                document,
                relevance=document.metadata["relevance"],
                verdict=document.metadata["verdict"],
                support=document.metadata["support"],
                mismatch=document.metadata["mismatch"],
                evidence=document.metadata["evidence"],
                score=document.metadata["relevance_score"],
            )
            for document in found["documents"]
        ]
        show(query, before, after, arguments.show, found["answer"])
        rankings.append((query, before, after))
    show_summary(rankings)


if __name__ == "__main__":
    main()

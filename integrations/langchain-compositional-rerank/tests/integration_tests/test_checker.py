"""CompositionalChecker, in chains and alone, on the shipped weights."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain_classic.chains import create_retrieval_chain
from langchain_classic.chains.combine_documents import create_stuff_documents_chain
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from pydantic import ValidationError

from compositional_rerank import CompositionalReranker
from compositional_rerank.errors import InputError
from langchain_compositional_rerank import CompositionalChecker

CLOSED = "The office is closed on Sundays."
DOGS = "Dogs are not allowed in the office."
ANSWER = f"{CLOSED} Dogs are allowed in the office."
DOCUMENTS = [Document(DOGS, id="dogs"), Document(CLOSED, id="hours", metadata={"page": 3})]


@pytest.fixture(scope="module")
def checker(judging: CompositionalReranker) -> CompositionalChecker:
    return CompositionalChecker.from_reranker(judging)


def test_a_step_of_a_chain(checker: CompositionalChecker) -> None:
    chain = (
        RunnablePassthrough.assign(documents=RunnableLambda(lambda given: DOCUMENTS))
        .assign(answer=RunnableLambda(lambda given: given["question"]) | FakeListLLM(responses=[ANSWER]))
        .assign(checked=checker)
    )
    found = chain.invoke({"question": "When is the office open?"})
    assert [sentence.verdict for sentence in found["checked"]] == ["supports", "denies"]
    supported, denied = found["checked"]
    assert DOCUMENTS[supported.passages[0].index].id == "hours"
    assert DOCUMENTS[denied.passages[0].index].id == "dogs"
    assert [document.metadata for document in DOCUMENTS] == [{}, {"page": 3}]


def test_behind_a_retrieval_chain(judging: CompositionalReranker) -> None:
    prompt = ChatPromptTemplate.from_messages([("human", "{context}\n\n{input}")])
    writer = create_stuff_documents_chain(FakeListChatModel(responses=[ANSWER]), prompt)
    retrieval = create_retrieval_chain(RunnableLambda(lambda given: DOCUMENTS), writer)
    checker = CompositionalChecker.from_reranker(judging, documents_key="context")
    found = retrieval.assign(checked=checker).invoke({"input": "When is the office open?"})
    assert [sentence.verdict for sentence in found["checked"]] == ["supports", "denies"]


async def test_asynchronously_and_in_batches(checker: CompositionalChecker) -> None:
    given = {"answer": ANSWER, "documents": DOCUMENTS, "question": "not looked at"}
    expected = checker.invoke(given)
    assert await checker.ainvoke(given) == expected
    assert checker.batch([given, {"answer": CLOSED, "documents": []}])[0] == expected


def test_a_message_is_an_answer(checker: CompositionalChecker) -> None:
    assert checker.check(AIMessage(ANSWER), DOCUMENTS) == checker.check(ANSWER, DOCUMENTS)


def test_the_same_as_the_core(checker: CompositionalChecker, judging: CompositionalReranker) -> None:
    assert checker.check(ANSWER, DOCUMENTS) == judging.check(ANSWER, [DOGS, CLOSED])


def test_how_many_are_read(judging: CompositionalReranker) -> None:
    checker = CompositionalChecker.from_reranker(judging, max_verified=1)
    assert [sentence.read for sentence in checker.check(ANSWER, DOCUMENTS)] == [1, 1]


def test_a_run_is_traced_by_its_name(checker: CompositionalChecker) -> None:
    events: list[dict[str, Any]] = []

    from langchain_core.callbacks import BaseCallbackHandler

    class Handler(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            events.append({"name": kwargs.get("name"), "inputs": inputs})

    checker.invoke({"answer": CLOSED, "documents": []}, config={"callbacks": [Handler()]})
    assert [event["name"] for event in events] == ["CompositionalChecker"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"answer": CLOSED}, r"must be a dict with 'answer' and 'documents', got \['answer'\]"),
        ("text", "got str"),
        ({"answer": CLOSED, "documents": [CLOSED]}, r"documents\[0\] must be a Document, got str"),
        ({"answer": " ", "documents": []}, "answer is blank"),
        ({"answer": 5, "documents": []}, "answer must be a str, got int"),
    ],
)
def test_bad_input(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CompositionalChecker(model="no-such-model").invoke(given)


def test_settings_are_checked() -> None:
    with pytest.raises(ValidationError):
        CompositionalChecker(max_verified=0)
    with pytest.raises(ValidationError):
        CompositionalChecker(no_such_field=1)  # type: ignore[call-arg]


def test_settings_survive_a_pickle() -> None:
    checker = CompositionalChecker(max_verified=3, documents_key="context")
    assert pickle.loads(pickle.dumps(checker)).model_dump() == checker.model_dump()

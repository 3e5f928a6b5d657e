"""CompositionalChecker: checks a generated answer against the documents that it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from pydantic import ConfigDict

from compositional_rerank import CheckedAnswer
from compositional_rerank.errors import InputError
from langchain_compositional_rerank.settings import Count, RerankerSettings, checked


class CompositionalChecker(RerankerSettings, RunnableSerializable[Mapping[str, Any], CheckedAnswer]):
    """A step of a chain: ``{"answer": "...", "documents": [...]}`` -> what they say of each sentence.

    What comes out is a `compositional_rerank.CheckedAnswer`. A passage's ``index`` is the document's place in
    the list, and ``evidence`` are characters of its ``page_content``. Other keys of the input are not looked
    at. The model is loaded at the first answer. To share a loaded one, use `from_reranker`.

    Args:
        model: name or folder of the model; None is the default of compositional-rerank.
        encoder: name or folder of another encoder beside the verifier, or ``"none"``; None is the model's.
        verifier: name or folder of another verifier, or ``"none"``; None is the model's.
        device: torch device; None picks an accelerator where there is one.
        backend: what runs the networks, ``"torch"`` or ``"openvino"`` (CPU only, several times faster there).
        store: folder that keeps passages' token vectors, as `CompositionalWarmer` fills it; None is memory.
        max_verified: how many documents are read with each sentence, at least 1, the closest to it first;
            None is the model's own number.
        answer_key: where the input holds the answer: text, or a message of a chat model.
        documents_key: where it holds the documents; ``"context"`` behind `create_retrieval_chain`.

    Example:
        >>> checker = CompositionalChecker()
        >>> documents = [Document("Dogs are not allowed in the office.")]
        >>> found = checker.invoke({"answer": "Dogs are allowed in the office.", "documents": documents})
        >>> [sentence.verdict for sentence in found]
        ['denies']
    """

    model_config = ConfigDict(extra="forbid")

    max_verified: Count | None = None
    answer_key: str = "answer"
    documents_key: str = "documents"

    def check(self, answer: str | BaseMessage, documents: Sequence[Document]) -> CheckedAnswer:
        """Check an answer, outside of a chain.

        Args:
            answer: text, or a message of a chat model; not blank.
            documents: what it was written from; they are not changed.

        Raises:
            InputError: a value cannot be used, or the model has no verifier.
        """
        text = str(answer.text) if isinstance(answer, BaseMessage) else answer
        sources = [document.page_content for document in checked(documents)]
        return self.core.check(text, sources, max_verified=self.max_verified)

    def invoke(
        self, input: Mapping[str, Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> CheckedAnswer:
        """Check the answer that a chain made; see the class.

        Raises:
            InputError: the input has no answer or no documents, or the model has no verifier.
        """
        return self._call_with_config(self._of_input, input, config, **kwargs)

    def _of_input(self, values: Mapping[str, Any]) -> CheckedAnswer:
        keys = (self.answer_key, self.documents_key)
        if not isinstance(values, Mapping) or any(key not in values for key in keys):
            given = sorted(map(str, values)) if isinstance(values, Mapping) else type(values).__name__
            raise InputError(
                f"the checker's input must be a dict with {keys[0]!r} and {keys[1]!r}, got {given}: "
                "set answer_key and documents_key to the names that your chain uses"
            )
        return self.check(values[self.answer_key], values[self.documents_key])

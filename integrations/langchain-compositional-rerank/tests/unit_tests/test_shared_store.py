"""The address of a shared store: its password is in nothing that an adapter shows or writes."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from typing import Any

import pytest
from langchain_core.load import dumpd, dumps
from pydantic import ValidationError

from compositional_rerank.errors import StoreError
from langchain_compositional_rerank import CompositionalChecker, CompositionalReranker, CompositionalWarmer

ADDRESS, SHOWN = "redis://:s3cret@host:6379/0?ttl=60", "redis://:***@host:6379/0?ttl=60"
ADAPTERS = [CompositionalReranker, CompositionalWarmer, CompositionalChecker]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_no_copy_shows_the_password(adapter: Any) -> None:
    one = adapter(store=ADDRESS)
    assert one.store == SHOWN
    shown = [repr(one), str(one), one.model_dump_json(), repr(one.model_dump()), repr(vars(one))]
    shown += [pickle.dumps(one).decode("latin1"), repr(one.core.settings), repr(one.__pydantic_private__)]
    if adapter is CompositionalReranker:
        shown += [dumps(one), json.dumps(dumpd(one)), repr(one.as_runnable())]
    assert [text for text in shown if "s3cret" in text] == []
    for again in (adapter.model_validate_json(one.model_dump_json()), pickle.loads(pickle.dumps(one))):
        assert again.store == SHOWN


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_copies_in_this_process_still_have_it(adapter: Any) -> None:
    one = adapter(store=ADDRESS)
    copies = [
        one.model_copy(),
        copy.deepcopy(one),
        adapter(**one.model_dump()),
        adapter.model_validate(dict(one)),
    ]
    copies += [
        adapter().model_copy(update={"store": ADDRESS}),
        adapter.model_validate({"store": ADDRESS}),
        adapter.from_reranker(one.core),
    ]
    for again in copies:
        assert "s3cret" not in again.model_dump_json() + repr(again)
        assert again.core.settings["store"].address().password == "s3cret"


@pytest.mark.parametrize("wrong", [{"top_k": 3}, {"device": 7}, {"backend": "onnx"}])
@pytest.mark.parametrize(
    "make", [lambda **all: CompositionalReranker(**all), CompositionalReranker.model_validate]
)
def test_errors_about_other_fields_do_not_show_it(make: Any, wrong: dict[str, Any]) -> None:
    given = {"store": ADDRESS, **wrong}
    with pytest.raises(ValidationError) as caught:
        make(given) if make == CompositionalReranker.model_validate else make(**given)
    shown = [str(caught.value), repr(caught.value.errors()), *traceback.format_exception(caught.value)]
    assert "s3cret" not in "".join(shown)


@pytest.mark.parametrize(
    "address", ["redis://:s3cret@host/x", "redsi://:s3cret@host", "redis://host?password=s3cret"]
)
def test_a_wrong_address_is_an_error_that_does_not_show_it(address: str) -> None:
    for make in (
        lambda: CompositionalReranker(store=address),
        lambda: CompositionalReranker.model_validate({"store": address}),
    ):
        with pytest.raises(StoreError) as caught:
            make()
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))

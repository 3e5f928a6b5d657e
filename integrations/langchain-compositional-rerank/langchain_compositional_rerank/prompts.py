"""What a cached prompt asks, and generations as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import message_to_dict, messages_from_dict
from langchain_core.outputs import ChatGeneration, Generation


def split(prompt: str, llm_string: str) -> tuple[str, str]:
    """From LangChain's key of a prompt to what has to be equal, and the question that is compared.

    Args:
        prompt: a text, or for chat models the JSON of a list of messages.
        llm_string: the model and its settings.

    Returns:
        A hash, and the text of the last message if it is a human one's; else the prompt.

    Example:
        >>> from langchain_core.load import dumps
        >>> from langchain_core.messages import HumanMessage, SystemMessage
        >>> chat = dumps([SystemMessage("Be brief."), HumanMessage("Who pays?")])
        >>> split(chat, "model")[1], split("Who pays?", "model")[1]
        ('Who pays?', 'Who pays?')
    """
    equal, question = "", prompt
    try:
        messages = json.loads(prompt)
    except ValueError:
        messages = None
    if isinstance(messages, list) and messages and all(isinstance(one, dict) for one in messages):
        text = _text_of_human(messages[-1])
        if text is None:
            equal = prompt  # a picture, or a tool's result: only the very same prompt is a hit
        else:
            fields = {**messages[-1]["kwargs"], "content": None}
            equal, question = json.dumps([*messages[:-1], fields], sort_keys=True), text
    return hashlib.sha256(f"{equal}\0{llm_string}".encode()).hexdigest(), question


def _text_of_human(message: dict[str, Any]) -> str | None:
    """The text of a human message; None of another one, and of one that holds more than a text."""
    fields = message.get("kwargs")
    if not isinstance(fields, dict) or fields.get("type") != "human":
        return None
    content = fields.get("content")
    if isinstance(content, list) and len(content) == 1:
        [block] = content
        content = block.get("text") if isinstance(block, dict) and set(block) == {"type", "text"} else block
    return content if isinstance(content, str) else None


def write_generations(generations: Sequence[Generation]) -> str:
    """JSON of generations.

    Raises:
        TypeError: something in them is no JSON.
    """
    return json.dumps([_written(one) for one in generations])


def read_generations(text: str) -> list[Generation]:
    """Generations from their JSON; nothing but messages and texts is ever built."""
    return [_read(one) for one in json.loads(text)]


def _written(one: Generation) -> dict[str, Any]:
    said = (
        {"message": message_to_dict(one.message)} if isinstance(one, ChatGeneration) else {"text": one.text}
    )
    return {**said, "generation_info": one.generation_info}


def _read(fields: dict[str, Any]) -> Generation:
    info = fields["generation_info"]
    if "message" not in fields:
        return Generation(text=fields["text"], generation_info=info)
    [message] = messages_from_dict([fields["message"]])
    return ChatGeneration(message=message, generation_info=info)

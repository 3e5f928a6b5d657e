"""An agent's memory that does not hold two opposite facts: a memory block for LlamaIndex's Memory.

The block extracts facts with a language model, as LlamaIndex's own does. Then it checks each new fact against
those that it has: one that denies an old fact replaces it, and one that may deny it is asked about. Runs
offline; what the language model extracts is written here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from facts import changes_of
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.llms import (
    ChatMessage,
    CompletionResponse,
    CompletionResponseGen,
    CustomLLM,
    LLMMetadata,
)
from llama_index.core.memory import FactExtractionMemoryBlock, Memory

from compositional_rerank import CompositionalReranker

CONVERSATION = {  # what the user says -> what a language model extracts
    "Hi! I am allergic to penicillin.": ["The user is allergic to penicillin."],
    "Our office is closed on Fridays.": ["The user's office is closed on Fridays."],
    "By the way, penicillin is what I can't have.": ["The user is allergic to penicillin."],
    "The test came back: no allergy to penicillin!": ["The user is not allergic to penicillin."],
    "I have two cats.": ["The user has two cats."],
    "Goodbye!": [],
}


class CheckedFacts(FactExtractionMemoryBlock):
    """Facts from the conversation, none of which denies another."""

    replaced: list[tuple[str, str]] = Field(
        default_factory=list, description="Old facts and what denied them."
    )
    questions: list[tuple[str, str]] = Field(
        default_factory=list, description="Facts that may not both hold."
    )
    _reranker: CompositionalReranker = PrivateAttr(default_factory=CompositionalReranker)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        before = list(self.facts)
        await super()._aput(messages)  # adds what is new, if not in these very words
        new = [fact for fact in self.facts if fact not in before]
        self.facts = [fact for fact in self.facts if fact in before]
        for fact in new:
            await asyncio.to_thread(self._take, fact)

    def _take(self, said: str) -> None:
        for change in changes_of(self._reranker, said, self.facts):
            concerned = [self.facts[place] for place in change.places]
            if change.action == "known":
                continue
            if change.action == "replace":
                self.facts = [fact for fact in self.facts if fact not in concerned]
                self.replaced += [(fact, change.statement) for fact in concerned]
            elif change.action == "ask":
                self.questions += [(fact, change.statement) for fact in concerned]
            self.facts.append(change.statement)


class Extractor(CustomLLM):
    """Stands for a language model that extracts facts."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="written")

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        facts = [fact for said, found in CONVERSATION.items() if said in prompt for fact in found]
        return CompletionResponse(text="".join(f"<fact>{fact}</fact>" for fact in facts))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        yield self.complete(prompt)


async def talk() -> CheckedFacts:
    block = CheckedFacts(name="facts", llm=Extractor())
    # So small that what was said goes to the block with the next message; 30,000 tokens is the default.
    memory = Memory.from_defaults(token_limit=10, token_flush_size=1, memory_blocks=[block])
    for said in CONVERSATION:
        await memory.aput(ChatMessage(role="user", content=said))
    print("What the agent is told of the user:")
    for message in await memory.aget():
        if message.role == "system":
            print(message.content)
    return block


def main() -> None:
    block = asyncio.run(talk())
    for title, pairs in (("Replaced", block.replaced), ("To be asked about", block.questions)):
        print(f"\n{title}:" if pairs else f"\n{title}: nothing")
        for old, new in pairs:
            print(f"  {old} -> {new}")


if __name__ == "__main__":
    main()

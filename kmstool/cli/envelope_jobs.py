"""What is to be encrypted how and for whom: the options of `envelope encrypt`, with a DEK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kmstool.cli import recipients
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.envelope.floe import Suite
    from kmstool.envelope.header import Header
    from kmstool.envelope.stanzas import Stanza


@dataclass(frozen=True, slots=True)
class EncryptJob:
    """How to encrypt, and for whom; one DEK, for one file or for all of a tree."""

    suite: Suite
    context: str
    facts: dict[str, str]
    dek: bytes = field(repr=False)
    stanzas: list[Stanza]
    armor: bool
    detached: bool
    """Whether the header goes to a file of its own."""
    reserve: bool
    again: Callable[[], tuple[bytes, list[Stanza]]] = field(repr=False)
    """Makes another DEK for the same recipients."""

    @classmethod
    def of(cls, session: Session, **choices: Any) -> EncryptJob:
        """Read the options, and let KMS make and wrap a DEK."""
        from kmstool.api import context

        if choices["armor"] and choices["detached"] is not None:
            raise UsageError("--armor and --detached exclude each other")
        if choices["armor"] and choices["reserve"]:
            raise UsageError("--armor and --reserve exclude each other: text is never rewrapped in place")
        suite = recipients.suite_of(choices["suite"])
        text = context.canonical(context.from_options(choices["context"]))

        def make() -> tuple[bytes, list[Stanza]]:
            others = tuple(recipients.by_public_key(session, word) for word in choices["public_keys"])
            return recipients.wrapped_dek(session, choices["keys"], suite, text, others, choices["data_key"])

        facts = context.from_options(choices["facts"])
        layout = {"armor": choices["armor"], "detached": choices["detached"] is not None, "reserve": choices["reserve"]}
        return cls(suite, text, facts, *make(), **layout, again=make)

    def header(self, size: int | None, *, to_file: bool, facts: dict[str, str] | None = None) -> Header:
        """Return the header for a plaintext of that size, None where it is not known before."""
        import time

        from kmstool import __version__
        from kmstool.api import context
        from kmstool.envelope import header

        facts = self.facts if facts is None else facts
        prologue = header.Prologue(
            file_id=header.new_file_id(),
            context=self.context,
            aad=context.as_json(facts),
            plaintext_bytes=size,
            created_unix=int(time.time()),
            writer=f"kmstool/{__version__}",
        )
        large = to_file and size is not None and size >= header.RESERVE_FROM_BYTES
        reserve = self.reserve or large
        return header.build(self.suite, prologue, self.stanzas, reserve=reserve, detached=self.detached)

"""Commands for several things at once: a failure of one does not keep the others from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from kmstool.cli.failures import hint_for
from kmstool.cli.hints import error_fields
from kmstool.cli.session.session import Session
from kmstool.errors import KmsToolError, PartialError

Item = TypeVar("Item")
Result = TypeVar("Result")


def one_by_one(
    session: Session, names: Sequence[Item], act: Callable[[Item], Result], failure: str
) -> Iterator[tuple[Item, Result]]:
    """Act on each of the names and yield those that succeed, each with its result; report those that fail.

    Each that succeeds grants the next one the whole time that a command may wait.
    Raises the error itself of a name that stands alone, else at the end `PartialError` with
    the names that failed; `failure` is what it says of them, such as "keys were not changed".
    """
    failed = []
    for name in names:
        try:
            result = act(name)
        except KmsToolError as error:
            if len(names) == 1:
                raise
            failed.append(str(name))
            _tell(session, str(name), error)
        else:
            session.deadline.renew()
            yield name, result
    if failed:
        raise PartialError(f"{len(failed)} of {len(names)} {failure}: {', '.join(failed)}")


def _tell(session: Session, name: str, error: KmsToolError) -> None:
    """Say why one failed, in JSON within the one object of all."""
    hint = hint_for(session, error)
    if session.settings.format == "json":
        session.answers.append({"Name": name, "error": {**error_fields(error), "hint": hint}})
        return
    session.warn(f"{name}: {error.message}")
    if hint:
        session.warn(f"hint: {hint}")

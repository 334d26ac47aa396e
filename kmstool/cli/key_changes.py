"""Changes of states of one or several keys, and what is said and printed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kmstool.cli import several
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient


def together(
    session: Session,
    keys: Iterable[tuple[KmsClient, str]],
    change: Callable[[KmsClient, list[str]], Mapping[str, Any]],
    outcome: str,
    noun: str = "key",
) -> None:
    """Change all keys, or what else `noun` says, by one call for each way to KMS: a region, of a profile."""
    groups: dict[KmsClient, list[str]] = {}
    for client, key_id in dict.fromkeys(keys):
        groups.setdefault(client, []).append(key_id)
    # With a number, because the same ids can be named in two regions.
    calls = {f"call {number} ({', '.join(group[1])})": group for number, group in enumerate(groups.items(), 1)}
    done = several.one_by_one(session, list(calls), lambda name: change(*calls[name]), f"calls for {noun}s failed")
    for name, answer in done:
        for key_id in calls[name][1]:
            session.note(f"the {noun} {named(session, key_id)} is {outcome}")
        outputs.print_answer(session, answer, lambda: None)


def one_by_one(
    session: Session,
    names: tuple[KeyAddress, ...],
    find: Callable[[KeyAddress], tuple[KmsClient, str]],
    change: Callable[[KmsClient, str], tuple[Mapping[str, Any], str]],
    noun: str = "key",
) -> None:
    """Find keys, or what else `noun` says, by their names, and change them by a call each."""

    def act(name: KeyAddress) -> tuple[Mapping[str, Any], str]:
        client, key_id = find(name)
        answer, outcome = change(client, key_id)
        return answer, f"the {noun} {named(session, key_id)} {outcome}"

    for _, (answer, message) in several.one_by_one(session, names, act, f"{noun}s were not changed"):
        done(session, answer, message)


def named(session: Session, key_id: str) -> str:
    """Return a key that this run has resolved as its user named it, with its id."""
    name, _ = session.connections.named.get(key_id, ("", None))
    return f"{name} ({key_id})" if name and name != key_id else key_id


def done(session: Session, answer: Mapping[str, Any], message: str) -> None:
    """Say what was done, and print the answer."""
    session.note(message)
    outputs.print_answer(session, answer, lambda: None)

"""`kmstool exec`: run a command with secrets in its environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import blobs, options
from kmstool.cli.io import replace_process
from kmstool.cli.params import CONTEXT_TEXT, context_of, one_context
from kmstool.cli.plaintexts import trim_newline_option, variables
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.context import Context


@dataclass(frozen=True)
class ExecWords:
    """The options of `kmstool exec`."""

    words: tuple[str, ...]
    context: tuple[str, ...]
    context_text: tuple[str, ...]
    trim_newline: bool
    keep: tuple[str, ...]
    command: tuple[str, ...]


_ORDER = f"{__name__}.order"


class _InOrder(options.Command):
    """A command that remembers in which order its options were given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse them, and keep the names of their parameters in order."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [param.name for param in order]
        return super().parse_args(ctx, args)


@click.command(
    "exec",
    cls=_InOrder,
    context_settings=options.OWN_ARGUMENTS,
    alone=True,
    example="kmstool exec --env PASSWORD=@secret.blob -- printenv PASSWORD",
)
@click.option(
    "--env",
    "words",
    multiple=True,
    required=True,
    metavar="NAME=@FILE",
    help="Variable to put the secret of a ciphertext blob into; repeatable.",
)
@click.option(
    "--context", metavar="K=V", multiple=True, help="Encryption context of the blobs that follow it; repeatable."
)
@click.option(
    "--context-text",
    type=CONTEXT_TEXT,
    metavar="TEXT|@FILE",
    multiple=True,
    help="The same as the exact text that KMS got from another program.",
)
@options.shield_option
@trim_newline_option
@replace_process.keep_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@takes(ExecWords)
def exec_(session: Session, wanted: ExecWords) -> None:
    """Run a command with secrets in its environment.

    The secrets are decrypted in memory, all before the command starts, and it takes the
    place of kmstool: its signals and its exit code are its own. A context is that of the
    blobs that follow it, up to the next context; one at the end is that of all before it
    that have none. Credentials and passphrases that are in the environment for kmstool
    itself are not handed on.
    """
    contexts = _contexts(click.get_current_context().meta[_ORDER], wanted)
    ciphertexts = {name: blobs.read(file)[1] for name, file in _files(wanted.words).items()}
    client = session.client()
    secrets = {
        name: client.decrypt(blob, context).plaintext
        for (name, blob), context in zip(ciphertexts.items(), contexts, strict=True)
    }
    held = variables(session, secrets, wanted.trim_newline)
    replace_process.become(
        session, session.environ, wanted.command, held, "kmstool decrypt writes it to a pipe", wanted.keep
    )


def _contexts(order: Sequence[str | None], wanted: ExecWords) -> list[Context]:
    """Return the context of each blob, in the order of the variables."""
    pairs, texts = iter(wanted.context), iter(wanted.context_text)
    groups: list[tuple[list[str], list[str], int]] = [([], [], 0)]
    for name in order:
        words, exact, blob_count = groups[-1]
        if name == "words":
            groups[-1] = (words, exact, blob_count + 1)
            continue
        if name not in ("context", "context_text"):
            continue
        if blob_count:
            groups.append(([], [], 0))
            words, exact, _ = groups[-1]
        (words if name == "context" else exact).append(next(pairs if name == "context" else texts))
    # One at the end has no blob behind it: it is for those before the first context.
    *_, (words, exact, blob_count) = groups
    if blob_count == 0 and len(groups) > 1 and not (groups[0][0] or groups[0][1]):
        groups[0] = (words, exact, groups[0][2])
    elif blob_count == 0 and (words or exact):
        raise UsageError("a context at the end of the options is for blobs that have none, and all have one")
    return [_context(words, exact) for words, exact, blob_count in groups for _ in range(blob_count)]


def _context(words: list[str], exact: list[str]) -> Context:
    if len(exact) > 1:
        raise UsageError("--context-text is all of a context: give it once for the blobs that follow")
    return one_context(context_of(words, "--context"), exact[0] if exact else None)


def _files(words: tuple[str, ...]) -> dict[str, str]:
    """Return the files by the names of the variables."""
    files: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        replace_process.check_variable(name)
        if not value.startswith("@"):
            # What stands there may be a secret, so that it is not repeated.
            raise UsageError(
                f"--env {name}=... names no file",
                hint=f"give the file of a ciphertext blob: --env {name}=@FILE; for plaintext values use env directly",
            )
        if name in files:
            raise UsageError(f"two secrets for {name}", hint="a variable holds one; give them two names")
        files[name] = value[1:]
    return files

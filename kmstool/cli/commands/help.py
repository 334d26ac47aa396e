"""`kmstool help`: explain a topic or a command."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kmstool.cli import options, topics
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError


@click.command("help", cls=options.Command, example="kmstool help exit-codes")
@click.argument("names", nargs=-1, metavar="[TOPIC | COMMAND...]")
@pass_session
def help_(session: Session, names: tuple[str, ...]) -> None:
    """Explain a topic or a command.

    Without a word it lists the topics and the commands.
    """
    root = click.get_current_context().find_root()
    topic = topics.TOPICS.get(names[0]) if len(names) == 1 else None
    text = _explained(topic, root) if topic else _help_of(root, names)
    outputs.print_answer(session, {"Name": " ".join(names), "Text": text}, lambda: click.echo(text))


def _explained(topic: topics.Topic, ctx: click.Context) -> str:
    formatter = ctx.make_formatter()
    formatter.write(f"{topic.summary}\n")
    for block in topic.blocks():
        formatter.write_paragraph()
        if isinstance(block, str):
            formatter.write_text(block)
        elif isinstance(block, Sequence):
            formatter.write("".join(f"  {line}\n" for line in block))
        else:
            with formatter.indentation():
                formatter.write_dl(list(block.items()))
    return formatter.getvalue().rstrip("\n")


def _help_of(ctx: click.Context, names: Sequence[str]) -> str:
    for number, name in enumerate(names, 1):
        group = ctx.command
        below = group.commands.get(name) if isinstance(group, click.Group) else None
        if below is None:
            raise UsageError(_unknown(" ".join(names[:number])), hint=_near(name, group))
        ctx = click.Context(below, info_name=name, parent=ctx, **below.context_settings)
    return ctx.get_help()


def _unknown(name: str) -> str:
    return f"there is no topic or command {name!r}"


def _near(name: str, group: click.Command) -> str:
    import difflib

    known = [*topics.TOPICS, *(group.commands if isinstance(group, click.Group) else ())]
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"topics: {', '.join(topics.TOPICS)}"

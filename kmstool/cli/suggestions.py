"""What the user of a command line may have meant: commands of other tools, API actions, options, values of options.

Looked for only once something is wrong; nothing here is imported before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import click

from kmstool import near
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.params import ChoiceError

_MOST = 3
VERBS = {
    "add": ("create", "bind", "set"),
    "delete": ("schedule-deletion", "remove", "unbind", "clear"),
    "describe": ("show",),
    "destroy": ("schedule-deletion", "delete", "reset"),
    "download": ("download-key",),
    "generate": ("generate", "create"),
    "get": ("show", "list"),
    "import": ("import", "import-material", "import-tccli"),
    "info": ("show", "inspect", "status"),
    "inspect": ("show", "inspect", "status"),
    "ls": ("list",),
    "make": ("create", "generate"),
    "new": ("create", "generate"),
    "purge": ("schedule-deletion", "delete", "reset"),
    "remove": ("schedule-deletion", "delete", "remove", "unbind"),
    "restore": ("cancel-deletion", "unarchive", "restore"),
    "rm": ("schedule-deletion", "delete", "remove", "unbind"),
    "start": ("serve",),
    "stat": ("status", "show"),
    "undelete": ("cancel-deletion",),
    "update": ("rename", "set"),
    "view": ("show", "inspect"),
}
"""Verbs of other tools, and what does that here: the first of them that a group has."""

COMMANDS = {
    "config": "init",
    "configure": "init",
    "generate-key": "key create",
    "keys": "key list",
    "list": "key list",
    "login": "auth login",
    "logout": "auth logout",
    "open": "envelope decrypt",
    "pubkey": "public-key",
    "seal": "envelope encrypt",
    "serve": "local serve",
    "server": "local serve",
    "setup": "init",
    "whoami": "auth status",
    "CancelKeyDeletion": "key cancel-deletion",
    "CreateKey": "key create",
    "CreateWhiteBoxKey": "whitebox create",
    "DescribeKey": "key show",
    "DescribeKeys": "key show",
    "DisableKey": "key disable",
    "DisableKeyRotation": "key rotation",
    "EnableKey": "key enable",
    "EnableKeyRotation": "key rotation",
    "EncryptByWhiteBox": "whitebox encrypt",
    "GenerateDataKey": "data-key generate",
    "GenerateRandom": "random",
    "GetKeyRotationStatus": "key rotation",
    "GetParametersForImport": "material params",
    "GetPublicKey": "public-key",
    "ImportDataKey": "data-key import",
    "ImportKeyMaterial": "import-material",
    "ListAlgorithms": "key usages",
    "ListDataKeyDetail": "data-key list",
    "ListDataKeys": "data-key list",
    "ListKeyDetail": "key list",
    "ListKeys": "key list",
    "ScheduleKeyDeletion": "key schedule-deletion",
    "SignByAsymmetricKey": "sign",
    "UpdateAlias": "key rename",
    "VerifyByAsymmetricKey": "verify",
}
"""What is no command of the root but of another tool or of the API, and the command that does it."""

OPTIONS = {
    "--alias": ("--key",),
    "--endpoint-url": ("--endpoint",),
    "--input": ("--in",),
    "--json": ("--format json",),
    "--key-alias": ("--key", "--alias"),
    "--key-id": ("--key",),
    "--output": ("--out", "--format"),
    "--overwrite": ("--force",),
    "--secret-key": (),
}
"""Options of other tools, and those that stand for them here."""


def is_unknown(error: click.ClickException) -> bool:
    """Return whether there is no such command or option."""
    return isinstance(error, (click.exceptions.NoSuchCommand, click.NoSuchOption))


def hint_of(error: click.ClickException) -> str | None:
    """Return what was meant, as a question; None where nothing is near."""
    if isinstance(error, click.exceptions.NoSuchCommand) and error.ctx:
        return near.asked(f"kmstool {path}" for path in _commands(error.command_name, error.ctx))
    if isinstance(error, click.NoSuchOption) and error.ctx:
        return near.asked(_options(error.option_name, error.ctx))
    return error.hint if isinstance(error, ChoiceError) else None


def _commands(word: str, ctx: click.Context) -> list[str]:
    """Return the commands that an unknown word may stand for, each from the root; those that differ in spelling first."""
    from kmstool.api import protocol

    # Only a group looks for a command.
    group, spelled = cast("click.Group", ctx.command), near.folded(word)
    before = ctx.command_path.split(" ")[1:]
    own = {name: " ".join((*before, name)) for name in group.commands}
    verb = next((verb for verb in VERBS.get(word.lower(), ()) if verb in own), None)
    other = {**{action: f"api {action}" for action in protocol.actions()}, **COMMANDS}
    tree = [path for path in _tree(ctx.find_root().command) if near.folded(path.rpartition(" ")[2]) == spelled]
    same = [path for known in (own, other) for name, path in known.items() if near.folded(name) == spelled]
    if verb:
        return [own[verb]]
    if same or tree:
        return list(dict.fromkeys((*same, *tree)))[:_MOST]
    return [own[name] for name in near.near(word, own)] or [other[name] for name in near.near(word, other)]


def _tree(root: click.Command) -> Iterator[str]:
    """Yield the commands of the root and of its groups, of which nothing else is imported."""
    if isinstance(root, LazyGroup):
        yield from root.commands
        for name in root.commands.groups():
            group = root.commands[name]
            if isinstance(group, LazyGroup):
                yield from (f"{name} {command}" for command in group.commands)


def _options(word: str, ctx: click.Context) -> list[str]:
    own = [name for param in ctx.command.get_params(ctx) for name in (*param.opts, *param.secondary_opts)]
    names = [name for name in own if name.startswith("--")]
    known = [name for name in OPTIONS.get(word, ()) if name.split(" ")[0] in names]
    return known or near.near(word, names)

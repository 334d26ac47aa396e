"""What a run may ask the person at the terminal: passphrases and confirmations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from kmstool.cli.console import Console
from kmstool.cli.io import questions
from kmstool.cli.messages import printable
from kmstool.errors import AccessError, UsageError
from kmstool.system import terminal


class Subject(Protocol):
    """What a change is about; `kmstool.cli.subjects` looks it up."""

    @property
    def name(self) -> str:
        """What may have to be typed."""
        ...

    def lines(self) -> list[str]:
        """Return what there is to say of it."""
        ...


About = Callable[[], Sequence[Subject]]


class Prompts(Console):
    """The questions of a run; `environ` are the variables that may answer them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.weak = False
        """Whether a new passphrase may be as short as it likes."""

    @property
    def interactive(self) -> bool:
        """Whether questions may be asked: there is a terminal, whatever stdin is, and it is not that of a CI runner."""
        return not self.settings.no_input and not self.is_ci and terminal.is_there()

    def confirm(self, action: str, about: About = list, *, typed: bool = False) -> None:
        """Ask before something that cannot be undone; raise `UsageError` without a yes.

        What it is `about` is looked up and shown first. With `typed` nothing but its name is a yes.
        """
        if self.settings.yes or self.settings.dry_run:
            return
        if not self.interactive:
            raise UsageError(f"{action}: this needs a confirmation", hint="add --yes")
        subjects = about()
        for line in (line for subject in subjects for line in subject.lines()):
            terminal.tell(printable(line))
        if not typed:
            if not questions.yes(f"{action}. Go on?"):
                raise UsageError("nothing was done")
            return
        terminal.tell(printable(f"{action}."))
        for subject in subjects:
            if questions.line(f"Type {subject.name} to go on") != subject.name:
                raise UsageError("nothing was done", hint=f"what was typed is not {subject.name}")

    def store_passphrase(self) -> bytes:
        """Return the passphrase of the local KMS's store, as `passphrase_of` does."""
        return self.passphrase_of("the store of the local KMS")

    def passphrase_of(self, thing: str) -> bytes:
        """Return the passphrase of a store, credential or private key: from KMSTOOL_PASSPHRASE_FILE, else asked for.

        Raises `AccessError` where nobody can be asked.
        """
        name = self.environ.get("KMSTOOL_PASSPHRASE_FILE")
        if name:
            from kmstool.cli.io import inputs

            return inputs.read_secret(name)
        if not self.interactive:
            raise AccessError(
                f"{thing} is locked with a passphrase",
                hint="run the command on a terminal, or put the passphrase into a file and set KMSTOOL_PASSPHRASE_FILE",
            )
        return questions.secret(f"Passphrase of {thing}").encode()

    def new_passphrase(self, file: str | None) -> bytes:
        """Return a passphrase to be set, from a file, else asked for twice; see `passphrases.check_new` for a weak one."""
        from kmstool.cli.session import passphrases

        if file:
            from kmstool.cli.io import inputs

            secret = inputs.read_secret(file)
        elif self.interactive:
            secret = questions.secret("New passphrase", twice=True).encode()
        else:
            raise UsageError("a new passphrase is needed", hint="give it with --passphrase-file FILE")
        passphrases.check_new(secret, self.warn, weak=self.weak)
        return secret

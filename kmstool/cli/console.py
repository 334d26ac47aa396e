"""What a command may say and how: the global options, and the way to the person at the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from kmstool.cli.messages import say

LOCAL_NOTE = "local KMS, for development and tests"


@dataclass(slots=True)
class Settings:
    """The global options as given on the command line."""

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    transport: str | None = None
    timeout: float = 30
    retries: int = 10
    max_wait: float = 60
    format: str = "text"
    query: str | None = None
    yes: bool = False
    dry_run: bool = False
    no_input: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    no_color: bool = False


class Console:
    """The settings of a run, and what it tells its user beside the results."""

    def __init__(self) -> None:
        self.settings = Settings()
        self._notes: list[str] = []

    @property
    def used_local(self) -> bool:
        """Whether the local KMS was asked, which every message then says."""
        return False

    def note(self, message: str) -> None:
        """Tell the user something, and that it was the local KMS where it was; not with `--quiet`.

        With `--format json` it is said at the end and only of a success: the error object
        is to stand alone on stderr.
        """
        if self.settings.quiet:
            return
        message += f" ({LOCAL_NOTE})" if self.used_local else ""
        if self.settings.format == "json":
            self._notes.append(message)
        else:
            say(message)

    def warn(self, message: str) -> None:
        """Tell the user something that `--quiet` does not silence."""
        say(message)

    def finish(self) -> None:
        """Say what was kept until now."""
        for message in self._notes:
            say(message)

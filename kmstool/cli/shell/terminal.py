"""The prompt of an interactive session, with what was typed before and what can be typed next."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.output import ColorDepth, create_output

from kmstool.cli.messages import printable, say
from kmstool.cli.shell.completion import Candidates
from kmstool.cli.shell.history import HistoryFile
from kmstool.cli.shell.loop import Shell
from kmstool.errors import KmsToolError


class Terminal:
    """Reads lines for a session from the person at the terminal."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._candidates = Candidates(shell)
        no_color = shell.settings.no_color or bool(shell.session().environ.get("NO_COLOR"))
        self._prompt: PromptSession[str] = PromptSession(
            history=_History(HistoryFile(shell.session().history_file)),
            completer=_Completer(self._candidates),
            complete_in_thread=True,
            complete_while_typing=False,
            enable_history_search=True,
            color_depth=ColorDepth.DEPTH_1_BIT if no_color else None,
            # The prompt is no result: it stays on the terminal when those go to a file.
            output=create_output(always_prefer_tty=True),
        )
        say("TAB completes, exit or Ctrl-D ends, ! runs a program; see shell --help")

    def next_line(self) -> str | None:
        """Return the next line, None at the end."""
        while True:
            try:
                text = self._prompt.prompt(self._message)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return None
            return text

    def _message(self) -> StyleAndTextTuples:
        style, kms, name = _where(self._shell)
        code = self._shell.exit_code
        failed: StyleAndTextTuples = [("ansired", f"({code}) ")] if code else []
        return [*failed, (style, f"[{kms}]"), ("", f" {printable(name)}> ")]


def _where(shell: Shell) -> tuple[str, str, str]:
    """Return a style, the kind of KMS in use, and the names of its profile and region."""
    session = shell.session()
    try:
        profile = session.profile()
        endpoint, region = session.endpoint(profile), session.region(profile)
    except KmsToolError:
        return "ansiyellow", "no KMS", "no profile"
    if endpoint:
        return "ansimagenta bold", printable(endpoint), f"{profile.name} {region}"
    if profile.is_local:
        return "ansigreen bold", "local KMS", f"{profile.name} {region}"
    return "ansimagenta bold", "cloud", f"{profile.name} {region}"


class _History(History):
    def __init__(self, file: HistoryFile) -> None:
        super().__init__()
        self._file = file

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._file.lines())

    def store_string(self, string: str) -> None:
        self._file.add(string)


class _Completer(Completer):
    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        start, offers = self._candidates.of(before)
        for word, text in offers:
            yield Completion(word, start - len(before), display_meta=text)

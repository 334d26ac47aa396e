"""Python's UTF-8 mode, for the locales whose texts are in another encoding.

Arguments, variables and names of files are UTF-8 in every locale. Python decodes all three by the locale before any
code of ours runs, and what names of files are decoded by cannot be changed in a process. So the process becomes the
same program once more, in that mode; where the locale is UTF-8, C or POSIX, Python is in it or needs it not.
"""

import os
import sys

_ENCODING = "utf-8"


def start_again() -> None:
    """Replace the process by the same program in UTF-8 mode; raise `OSError` if that cannot be."""
    words = _given()
    os.execv(sys.executable, [*words[:1], b"-X", b"utf8", *words[1:]])  # noqa: S606 - this program itself


def _given() -> list[bytes]:
    """Return the words of the command line as they came: not each one can be had back from Python's text."""
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except OSError:
        pass
    try:
        return [os.fsencode(word) for word in sys.orig_argv]
    except UnicodeEncodeError as error:
        raise OSError("the command line is not known") from error


def encoding_of_output(chosen: str) -> str:
    """Return the encoding for what people read, where Python chose one: that of the locale, also in UTF-8 mode.

    The locales C and POSIX say nothing of encodings, and PYTHONIOENCODING and PYTHONUTF8 say more than the locale.
    """
    if not sys.flags.utf8_mode or os.environ.get("PYTHONUTF8") == "1" or "PYTHONIOENCODING" in os.environ:
        return chosen
    import codecs  # noqa: PLC0415 - and locale: only where the mode is on
    import locale  # noqa: PLC0415

    try:
        name = codecs.lookup(locale.getencoding()).name
    except LookupError:
        return chosen
    return chosen if name in ("ascii", _ENCODING) else name

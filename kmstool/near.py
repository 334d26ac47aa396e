"""What somebody may have meant who wrote a word that is none of those that are known.

Case, hyphens and underscores do not count: `describe-key` is near `DescribeKey`. `difflib` is loaded for mistakes only.
"""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 3
_LEAST_RATIO = 0.6
_WORSE = 0.1
"""How much less alike than the nearest one a word may be."""


def near(word: str, known: Iterable[str]) -> list[str]:
    """Return the known words that `word` may stand for, the likeliest first: at most three, one where only spelling differs."""
    by_fold: dict[str, list[str]] = {}
    for name in known:
        by_fold.setdefault(folded(name), []).append(name)
    if folded(word) in by_fold:
        return by_fold[folded(word)][:_MOST]
    import difflib  # noqa: PLC0415 - for mistakes only

    ratios = {fold: difflib.SequenceMatcher(None, fold, folded(word)).ratio() for fold in by_fold}
    least = max(_LEAST_RATIO, max(ratios.values(), default=0) - _WORSE)
    nearest = sorted((fold for fold in ratios if ratios[fold] >= least), key=lambda fold: -ratios[fold])
    return [name for fold in nearest for name in by_fold[fold]][:_MOST]


def question(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean A or B?`, None where nothing is near."""
    return asked(near(word, known))


def asked(names: Iterable[str]) -> str | None:
    """Return the question for names that are near already."""
    text = " or ".join(names)
    return f"did you mean {text}?" if text else None


def question_or_all(word: str, known: Iterable[str]) -> str:
    """Return `did you mean A?`, or where nothing is near all that is known."""
    known = list(known)
    return question(word, known) or "one of: " + ", ".join(known)


def folded(word: str) -> str:
    """Return what is left of a word where spelling does not count."""
    return word.casefold().replace("-", "").replace("_", "")

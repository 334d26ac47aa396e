"""What the commands for states of data keys have in common."""

from __future__ import annotations

from kmstool.cli import key_words

names_argument = key_words.acted_on("names", "--data-key", "NAME", several=True)
NOUN = "data key"

"""A parser of patterns such as "[(CONV-RELU)*2-POOL]*3-(FC-RELU)*2-SOFTMAX".

sequence = item {"-" item}
item     = (word | "(" sequence ")" | "[" sequence "]") ["?"] ["*" count]
count    = integer | capital letter
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NoReturn

from fastconv.arguments import as_integer

WORDS = ("INPUT", "CONV", "RELU", "TANH", "SIGMOID", "ELU", "POOL", "FC", "SOFTMAX")
TOKEN = re.compile(r"\s*([A-Z]+|\d{1,6}|->|→|[-()\[\]?*])")
CLOSING = {"(": ")", "[": "]"}
MOST_WORDS, MOST_GROUPS = 1000, 100
MOST_SHOWN = 60  # characters on each side of an error


class Pattern:
    """A parser of a pattern.

    Args:
        text: the pattern.
        counts: values of the letters that stand for numbers.
        optional: whether items with "?" are present.
    """

    def __init__(self, text: str, counts: Mapping[str, int], optional: bool) -> None:
        self.text, self.counts, self.optional = text, counts, optional
        self.tokens = [*self.split()]
        self.next = 0
        self.depth = 0

    def split(self) -> Iterator[tuple[str, int]]:
        """Yield the tokens with their positions, and an empty token at the end."""
        start, end = 0, len(self.text.rstrip())
        while start < end:
            found = TOKEN.match(self.text, start)
            if found is None:
                self.refuse("must consist of words in capitals, numbers, parentheses, '-', '*' and '?'", start)
            token = found.group(1)
            yield "-" if token in ("->", "→") else token, found.start(1)
            start = found.end()
        yield "", end

    def refuse(self, rule: str, position: int) -> NoReturn:
        """Raise ValueError with the rule, and the text near the position with a mark below it."""
        start = max(0, position - MOST_SHOWN)
        near = self.text[start : position + MOST_SHOWN]
        mark = f"{' ' * (position - start)}^"
        raise ValueError(f"pattern: the pattern {rule}. Received, with the place marked:\n{near}\n{mark}")

    def take(self) -> tuple[str, int]:
        """Return the next token and its position, and go on."""
        token = self.tokens[self.next]
        self.next = min(self.next + 1, len(self.tokens) - 1)
        return token

    def takes(self, token: str) -> bool:
        """Return whether `token` is next; go on if it is."""
        is_next = self.tokens[self.next][0] == token
        if is_next:
            self.take()
        return is_next

    def words(self) -> list[str]:
        """Return the words of the whole pattern, without groups."""
        words = self.sequence()
        token, position = self.take()
        if token:
            self.refuse(f"must go on with '-', '*' or '?', not with {token!r}", position)
        return words

    def sequence(self) -> list[str]:
        words = self.item()
        while self.takes("-"):
            words += self.item()
        return words

    def item(self) -> list[str]:
        words = self.group_or_word()
        if self.takes("?") and not self.optional:
            words = []
        if self.takes("*"):
            position = self.tokens[self.next][1]
            count = self.count()
            if count * len(words) > MOST_WORDS:
                self.refuse(f"must not have more than {MOST_WORDS} layers", position)
            words = words * count
        return words

    def group_or_word(self) -> list[str]:
        token, position = self.take()
        if token in CLOSING:
            return self.group(CLOSING[token], position)
        if token not in WORDS:
            self.refuse(f"must have a group or one of {', '.join(WORDS)} here", position)
        return [token]

    def group(self, closing: str, position: int) -> list[str]:
        self.depth += 1
        if self.depth > MOST_GROUPS:
            self.refuse(f"must not have more than {MOST_GROUPS} groups within each other", position)
        words = self.sequence()
        self.depth -= 1
        if not self.takes(closing):
            self.refuse(f"must close this group with {closing!r}", position)
        return words

    def count(self) -> int:
        token, position = self.take()
        if token.isdigit():
            return int(token)
        if token not in self.counts:
            letter = token if len(token) == 1 and token.isalpha() else "N"
            self.refuse(f"needs a number after '*', or a letter with its value: pattern(..., {letter}=2)", position)
        return as_integer("pattern", token, self.counts[token], 0)


def words_of(text: str, counts: Mapping[str, int], optional: bool) -> list[str]:
    """Return the layers of a pattern, in order, as words such as "CONV".

    Args:
        text: the pattern.
        counts: values of the letters that stand for numbers.
        optional: whether items with "?" are present.

    Raises:
        ValueError: the pattern is not written correctly; the message marks the place.
    """
    return Pattern(text, counts, optional).words()

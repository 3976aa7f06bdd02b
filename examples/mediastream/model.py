"""A very small language model: each word is one that followed the word before in its sample."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from random import Random

SAMPLE = """
The river carries every letter to the sea. The sea keeps every letter and answers none. A worker counts the
letters on the river and tells the morning what it saw. The morning writes a long answer on grey paper, and
the paper waits for a reader. A reader comes late, opens the window and finds every word where the river left
it. Nobody knows why the river speaks. Some say it speaks of naïve fish & old bridges; some say “it counts to
<10> and begins again”. The bridges keep quiet. Every evening a 🛶 carries the grey paper home, and the window
stays open for whoever comes back.
"""
WORDS = SAMPLE.split()
# Seconds for a word.
PACE = 0.02

_FOLLOWERS: dict[str, list[str]] = defaultdict(list)
for _word, _next in pairwise([*WORDS, WORDS[0]]):
    _FOLLOWERS[_word].append(_next)


def pieces(prompt: str, words: int) -> Iterator[str]:
    """What it says to a prompt, word by word: always the same."""
    chance = Random(prompt)
    word = WORDS[0]
    for number in range(words):
        paragraph = word.endswith(".") and chance.random() < 0.3
        yield ("" if number else f"{prompt}\n\n") + word + ("\n\n" if paragraph else " ")
        word = chance.choice(_FOLLOWERS[word])


async def stream(prompt: str, words: int) -> AsyncIterator[str]:
    """The same as slowly as it thinks."""
    for piece in pieces(prompt, words):
        await asyncio.sleep(PACE)
        yield piece

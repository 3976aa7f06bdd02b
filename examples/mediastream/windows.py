"""Who reads: a window of a real browser (browser.py), or a few lines of Python instead (reader.py)."""

from typing import Protocol


class Window(Protocol):
    """One reader; it sees the app and the stream as a page does, and holds no key."""

    def ask(self, prompt: str, words: int) -> str:
        """Starts a generation; the address under which it is shown."""

    def go(self, address: str) -> None:
        """Shows the generation there, from its beginning."""

    def reload(self) -> None:
        """Forgets everything but its address."""

    def text(self) -> str:
        """What it shows of the generation now."""

    def state(self) -> str: ...

    def cancel(self) -> None: ...


class Reader(Protocol):
    """Opens windows."""

    name: str

    def window(self) -> Window: ...

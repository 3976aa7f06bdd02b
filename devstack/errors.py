"""The one way in which ./dev gives up."""


class Stop(Exception):  # noqa: N818 - it is a message to a person, not a fault of the program
    """One line that says what went wrong and what to do."""

"""The one way in which ./dev gives up."""


class Stop(Exception):
    """One line that says what went wrong and what to do."""

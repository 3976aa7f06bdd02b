"""What doctor answers with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What is wrong, and the line that mends it."""

    problem: str
    mend: str

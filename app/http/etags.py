"""ETags of revisions, and the conditions that requests make with them (RFC 9110, 8.8.3 and 13.1)."""

import re
from dataclasses import dataclass

from aiohttp import web

from app.commands.schedules import ABSENT
from app.errors import FieldError, Invalid, RevisionConflict

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"

_TAG = r'(?:W/)?"[^"\x00-\x20\x7f]*"'
_LIST = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_WEAK = "W/"


@dataclass(frozen=True, slots=True)
class Tags:
    """What a header names; `any` is `*`: whatever there is."""

    any: bool
    named: frozenset[str]

    def match(self, revision: int | None, *, weakly: bool) -> bool:
        """A weak tag is none that If-Match may go by."""
        if revision is None:
            return False
        tag = etag(revision)
        return self.any or tag in self.named or (weakly and _WEAK + tag in self.named)


def etag(revision: int) -> str:
    return f'"{revision}"'


def is_known(request: web.Request, revision: int) -> bool:
    """Whether who asks has it already: 304. Raises Invalid."""
    known = _read(request, IF_NONE_MATCH)
    return known is not None and known.match(revision, weakly=True)


def expected_revision(request: web.Request, revision: int | None) -> int | None:
    """What a change has to find, given what is there now; None: whatever it finds.

    Raises RevisionConflict where a condition does not hold, Invalid where it is none.
    """
    wanted, unwanted = _read(request, IF_MATCH), _read(request, IF_NONE_MATCH)
    if wanted is None and unwanted is None:
        return None
    if wanted is not None and not wanted.match(revision, weakly=False):
        raise _conflict(IF_MATCH, revision)
    if unwanted is not None and unwanted.match(revision, weakly=True):
        raise _conflict(IF_NONE_MATCH, revision)
    return ABSENT if revision is None else revision


def _read(request: web.Request, header: str) -> Tags | None:
    given = request.headers.getall(header, None)
    if given is None:
        return None
    text = ", ".join(given)
    if text.strip() == "*":
        return Tags(any=True, named=frozenset())
    if _LIST.fullmatch(text) is None:
        message = 'must be * or ETags as they were sent, in quotes: "3"'
        raise Invalid(f"{header}: {message}", errors=[FieldError(header, message)])
    return Tags(any=False, named=frozenset(re.findall(_TAG, text)))


def _conflict(header: str, revision: int | None) -> RevisionConflict:
    has = "there is none" if revision is None else f"it has the revision {revision}"
    return RevisionConflict(f"{header} does not hold: {has}", facts={"revision": revision})

"""Result handlers and their dead letters."""

from app.errors import InvalidCursor, NotFound, StateConflict
from app.http import bodies, dead_letters, handler_bodies
from app.http.registry import Answer, Route
from app.http.routes.terms import OPERATE, READ

HANDLERS = (
    Route(
        method="GET", path="/v1/handlers", handler=dead_letters.handlers,
        summary="Who is told of ends, and what waits for each",
        scope=READ, answers=[Answer(status=200, says="consumers", body=handler_bodies.Handlers)],
    ),
    Route(
        method="GET", path="/v1/dead-letters", handler=dead_letters.list_,
        summary="List the ends that handlers gave up, the oldest first",
        scope=READ, query=handler_bodies.ListLetters,
        answers=[Answer(status=200, says="a page", body=handler_bodies.LetterPage)], errors=[InvalidCursor],
    ),
    Route(
        method="POST", path="/v1/dead-letters:replay", handler=dead_letters.replay_all,
        summary="Let handlers try all dead letters of a consumer again, or those of a task",
        scope=OPERATE, body=handler_bodies.ReplayLetters,
        answers=[Answer(status=202, says="they are events again", body=handler_bodies.Replayed)],
        errors=[StateConflict],
    ),
    Route(
        method="POST", path="/v1/dead-letters/{letter_id}/replay", handler=dead_letters.replay,
        summary="Let handlers try a dead letter again",
        scope=OPERATE, body=bodies.MandatoryWhy,
        answers=[Answer(status=202, says="it is an event again", body=handler_bodies.Replayed)],
        errors=[NotFound, StateConflict],
    ),
    Route(
        method="DELETE", path="/v1/dead-letters/{letter_id}", handler=dead_letters.discard,
        summary="Discard a dead letter, for good",
        scope=OPERATE, query=handler_bodies.DiscardQuery,
        answers=[Answer(status=204, says="nobody will handle it")], errors=[NotFound],
    ),
)  # fmt: skip

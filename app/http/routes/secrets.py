"""Secrets: written, never read."""

from app.errors import NotAllowed, NotFound
from app.http import bodies, secrets
from app.http.registry import Answer, Route
from app.http.routes.terms import ADMIN

SECRETS = (
    Route(
        method="GET", path="/v1/secrets", handler=secrets.list_, summary="List secrets, without their values",
        scope=ADMIN, answers=[Answer(status=200, says="secrets", body=bodies.Secrets)], errors=[NotAllowed],
    ),
    Route(
        method="PUT", path="/v1/secrets/{name}", handler=secrets.put,
        summary="Set a secret's value and who gets it", scope=ADMIN, body=bodies.NewSecret,
        answers=[Answer(status=204, says="set")], errors=[NotAllowed],
    ),
    Route(
        method="DELETE", path="/v1/secrets/{name}", handler=secrets.remove, summary="Delete a secret",
        scope=ADMIN, answers=[Answer(status=204, says="gone")], errors=[NotAllowed, NotFound],
    ),
)  # fmt: skip

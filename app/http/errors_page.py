"""docs/errors.md from the table of errors: `python -m app.http.errors_page > docs/errors.md`."""

import sys

from app.errors import OnewriterError, Problem, error_types
from app.http.problems import PATH

HEAD = """# Errors

Made by `python -m app.http.errors_page` from the table in `app/errors.py`; a test holds it current.

The API answers every refusal with an RFC 9457 problem (`application/problem+json`): `type` is the path below,
beside `title`, `status`, `detail` and, where fields are at fault, `errors: [{field, message}]`. SQL functions
raise the SQLSTATE, with a JSON object as DETAIL. Python raises the class.

| type | HTTP | SQLSTATE | class | cause | what to do |
|---|---|---|---|---|---|
"""


def table() -> list[type[OnewriterError]]:
    """Every row, by status, then by slug."""
    return sorted(error_types(), key=lambda error: (error.problem.status, error.problem.slug))


def page() -> str:
    return HEAD + "".join(_row(error.problem, error.__name__) for error in table())


def _row(problem: Problem, name: str) -> str:
    states = ", ".join(problem.sqlstates) or "-"
    cells = [
        f"`{PATH}{problem.slug}`",
        str(problem.status),
        states,
        f"`{name}`",
        problem.cause,
        problem.remedy,
    ]
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())

"""What the worker's side raises.

WorkerMayNotWrite   a task asked the worker to change the database itself
Refused             the worker will not start; one sentence, exit 2
Lost                the connection is gone; everything held is kept
ServerError         the server answered with an error; carries its SQLSTATE
"""

from __future__ import annotations

from procrastinate.exceptions import ConnectorException


class WorkerMayNotWrite(ConnectorException):
    """A worker may not write: its login holds no right on any table."""


class Refused(Exception):
    """The worker refuses to start; the text is the one sentence a person needs."""


class Lost(Exception):
    """The connection to PostgreSQL is gone."""


class ServerError(Exception):
    """PostgreSQL refused a statement."""

    def __init__(self, sqlstate: str, message: str):
        super().__init__(f"{sqlstate}: {message}")
        self.sqlstate = sqlstate
        self.message = message

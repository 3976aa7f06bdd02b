"""What the peers have in common that own one database as one login: their tables, asked and filled in SQL."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import psycopg

from bench.peer import Idle, Outcome, Peer, Work, parameters
from bench.tally import Tally


class TablePeer(Peer):
    """A subclass gives the statements.

    `fill_sql` takes what bench.peer.parameters gives; `outcome_sql` answers jobs, succeeded and runs;
    `unfinished_sql` a boolean.
    """

    clear_sql: ClassVar[str]
    fill_sql: ClassVar[str]
    unfinished_sql: ClassVar[str]
    outcome_sql: ClassVar[str]

    @property
    def login(self) -> str:
        return self.database

    def clear(self) -> None:
        with self.server.connect(self.database) as conn:
            conn.execute(self.clear_sql.encode())

    def fill(self, work: Sequence[Work], committed: Callable[[], None]) -> None:
        with self.server.connect(self.database, self.login) as conn:
            with conn.transaction():
                for each in work:
                    conn.execute(self.fill_sql.encode(), parameters(each, each.count))
                self.signal(conn, work)
            committed()

    def signal(self, conn: psycopg.Connection[Any], work: Sequence[Work]) -> None:
        """Within the transaction, where the insert or its trigger doesn't do it by itself."""

    def unfinished(self) -> bool:
        return bool(self.server.one(self.unfinished_sql, database=self.database))

    def outcome(self) -> Outcome:
        with self.server.connect(self.database) as conn:
            row = conn.execute(self.outcome_sql.encode()).fetchone()
        assert row is not None
        return Outcome(*row)

    def producer_dsn(self) -> str:
        return self.server.dsn(self.database, self.login)

    def idle(self, tally: Tally) -> list[Idle]:
        return [Idle("worker", self.login, self.worker(0, tally))]

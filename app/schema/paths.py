"""Where the contract and the migrations lie: beside the package, in the repository as in a wheel."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SQL = ROOT / "sql"
MIGRATIONS = ROOT / "migrations"

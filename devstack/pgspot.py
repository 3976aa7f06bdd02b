"""pgspot over sql/, as the applier runs it; `python -m devstack.pgspot`.

pgspot trusts no schema but pg_catalog on a search_path. Between pg_catalog and pg_temp our functions name
only schemas of ours, where nobody but their owner may create anything: those names, and only those, are
taken out of the copies that it reads. Views are created under the path that `migrate` sets.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from devstack.stack import SCHEMAS, program
from devstack.state import ROOT

PATH = re.compile(
    rf"(set search_path = pg_catalog)(?:, (?:{'|'.join(SCHEMAS)}))+(, pg_temp)\b", re.IGNORECASE
)
APPLIER = "set search_path = pg_catalog, pg_temp; "
# Findings that are decided, each with its why.
IGNORED = {
    "PS002": "create or replace meets no stranger's function: only the owner may create in these schemas",
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        copies = [copy(file, Path(folder)) for file in sorted((ROOT / "sql").rglob("*.sql"))]
        if not copies:
            print("no file in sql/")
            return 1
        ignored = [part for code in IGNORED for part in ("--ignore", code)]
        command = [program("pgspot"), *ignored, *copies]
        return subprocess.run(command, cwd=folder, check=False).returncode


def copy(file: Path, folder: Path) -> str:
    """The file's name below sql/, under which its copy lies in the folder."""
    name = file.relative_to(ROOT)
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(APPLIER + PATH.sub(r"\1\2", file.read_text()))
    return str(name)


if __name__ == "__main__":
    sys.exit(main())

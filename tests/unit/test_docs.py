"""What the documents say exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    p
    for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
    if ".dev" not in p.parts
]
CONTRACT = sorted(p for p in (ROOT / "sql").glob("*/*.sql"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target and not target.startswith("/"):
            assert (page.parent / target).exists(), target


def test_the_contracts_page_lists_every_file_with_its_first_sentence() -> None:
    page = (ROOT / "sql" / "README.md").read_text()
    sections = dict(re.findall(r"^### (\w+): [^\n]*\n(.*?)(?=^### |\Z)", page, re.DOTALL | re.MULTILINE))
    for file in CONTRACT:
        sentence = file.read_text().splitlines()[0].partition(": ")[2]
        assert f"- `{file.stem}`: {sentence}\n" in sections[file.parent.name], file.name
    assert sum(section.count("\n- ") + section.startswith("- ") for section in sections.values()) == len(
        CONTRACT
    )


def test_the_index_of_decisions_is_complete() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    for page in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        title = page.read_text().splitlines()[0].split(". ", 1)[1]
        assert f"| [{page.name[:3]}]({page.name}) | {title} | accepted |" in index


def test_the_readmes_files_exist() -> None:
    for name in re.findall(r"`((?:app|worker|sql|docs|tests)/[\w/.]+)`", (ROOT / "README.md").read_text()):
        assert (ROOT / name).exists(), name

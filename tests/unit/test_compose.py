"""compose.yaml against the Compose specification, and against what we promise about it.

No container engine may be at hand. The package compose-spec holds the specification twice, as a parser and
as models generated from its JSON schema; what they let pass (names that nothing defines) is checked here.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose, models
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api", "scheduler", "worker")


def references(service: dict[str, Any]) -> Iterator[str]:
    """Secrets that the service reads by path."""
    yield from re.findall(r"/run/secrets/([a-z.]+[a-z])", str(service))


def test_the_specification_accepts_it() -> None:
    assert sorted(PyCompose.from_json(json.dumps(COMPOSE)).service_names()) == sorted(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_key_of_a_service_is_in_the_schema(name: str) -> None:
    service: type[BaseModel] = models.Service
    known = {field.alias or key for key, field in service.model_fields.items()}
    assert set(SERVICES[name]) <= known
    service.model_validate(SERVICES[name])


def test_a_mistake_would_be_found() -> None:
    with pytest.raises(ValueError, match="healthchek"):
        PyCompose.from_json(json.dumps(yaml.safe_load(TEXT.replace("healthcheck:", "healthchek:", 1))))


def test_the_services_are_these() -> None:
    assert set(SERVICES) == {"postgres", *OURS}
    assert SERVICES["postgres"]["image"].endswith("postgres:18")


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_files_that_are_defined_and_given(name: str) -> None:
    service = SERVICES[name]
    assert set(service["secrets"]) <= set(COMPOSE["secrets"])
    assert set(references(service)) <= set(service["secrets"]) | {"$$login.password"}
    literal = {key: value for key, value in service.get("environment", {}).items() if "://" in value}
    assert not literal


def test_no_secret_is_in_the_repository() -> None:
    assert all(secret["file"].startswith("./.dev/") for secret in COMPOSE["secrets"].values())
    assert "/.dev/" in (ROOT / ".gitignore").read_text().split()


def test_each_process_knows_only_its_own_login() -> None:
    assert SERVICES["worker"]["secrets"] == ["worker.dsn"]
    assert SERVICES["api"]["secrets"] == ["server.dsn"]
    assert set(SERVICES["scheduler"]["secrets"]) == {"server.dsn", "janitor.dsn"}


@pytest.mark.parametrize("name", OURS)
def test_nobody_is_root_and_nothing_is_writable(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_what_stays_up_is_watched(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_dependencies_are_there_and_can_fulfil_their_condition() -> None:
    for service in SERVICES.values():
        for other, needs in service.get("depends_on", {}).items():
            one_shot = needs["condition"] == "service_completed_successfully"
            assert one_shot == (SERVICES[other]["restart"] == "no")
            assert one_shot or "healthcheck" in SERVICES[other]


def test_the_containerfile_is_the_one_they_name_and_ends_as_somebody() -> None:
    builds = [SERVICES[name]["build"] for name in OURS]
    assert all(build == {"context": ".", "dockerfile": "Containerfile"} for build in builds)
    lines = (ROOT / "Containerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            assert all((ROOT / source).exists() for source in line.split()[1:-1])

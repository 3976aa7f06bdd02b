"""Attacks of one statement, a module per family."""

from tests.security.statements import catalogue, code, objects, reading, roles, server, settings

FAMILIES = {
    module.__name__.rpartition(".")[2]: module.ATTACKS
    for module in (catalogue, code, objects, reading, roles, server, settings)
}

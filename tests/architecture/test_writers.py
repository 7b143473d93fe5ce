"""Every topic is written by one service, and each service emits events of its own topic only."""

import ast
from pathlib import Path

import pytest

from lockgate.messages.inlet import Inlet
from lockgate.messages.payload import PAYLOADS
from lockgate.messages.registry import MODULES, payloads_of
from lockgate.messages.topics import DEAD_LETTERS, DECIDING_SERVICES, JOURNALS, TOPICS, Kind
from lockgate.runtime.reading import may_write
from tests.support.cdevents import ROOT

SERVICES = ("intake", "verifier", "deployer", "rollback", "ledger")
INTERNAL = [topic for topic in TOPICS.values() if topic.kind is Kind.INTERNAL]
WRITTEN = {p.__name__: p for p in PAYLOADS.values() if not issubclass(p, Inlet)}
"""By the name of their class. What comes from outside is only ever read."""


def test_each_service_writes_one_topic_of_events() -> None:
    assert {topic.name: topic.writer for topic in INTERNAL} == {
        "releases": "intake",
        "verdicts": "verifier",
        "deployments": "deployer",
        "rollbacks": "rollback",
        "checkpoints": "ledger",
    }


def test_each_deciding_service_has_a_journal_and_dead_letters_of_its_own() -> None:
    for service in DECIDING_SERVICES:
        assert (JOURNALS[service].name, JOURNALS[service].writer) == (f"{service}.journal", service)
        assert (DEAD_LETTERS[service].name, DEAD_LETTERS[service].writer) == (
            f"{service}.deadletters",
            service,
        )


def test_no_inlet_is_written_by_a_service_that_decides() -> None:
    writers = {topic.writer for topic in TOPICS.values() if topic.kind is Kind.INLET}
    assert writers.isdisjoint(SERVICES)


@pytest.mark.parametrize("topic", INTERNAL, ids=lambda topic: topic.name)
def test_readers_accept_a_topic_from_its_own_writer_only(topic: object) -> None:
    owner = getattr(topic, "writer", "")
    writer = {service: "deployer-eu" if service == "deployer" else service for service in SERVICES}
    assert [service for service in SERVICES if may_write(owner, writer[service])] == [owner]


def test_every_event_lies_on_a_topic_that_exists() -> None:
    assert {payload.topic for payload in PAYLOADS.values()} <= TOPICS.keys()


def test_every_event_is_defined_in_the_module_of_its_topic() -> None:
    modules = {module.__name__.rsplit(".", 1)[1] for module in MODULES}
    for payload in PAYLOADS.values():
        assert payload.__module__.rsplit(".", 1)[1] == payload.topic
    assert modules == {topic.name for topic in TOPICS.values() if topic.kind in {Kind.INLET, Kind.INTERNAL}}


def test_every_topic_of_events_has_events() -> None:
    assert [
        name for name, t in TOPICS.items() if t.kind in {Kind.INLET, Kind.INTERNAL} and not payloads_of(name)
    ] == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_makes_events_of_its_own_topic_only(service: str) -> None:
    made = {
        made
        for file in (ROOT / "services" / "lockgate" / service).rglob("*.py")
        for made in events_made(file)
    }
    assert made, f"{service} makes no event that this test can see"
    assert {name for name in made if TOPICS[WRITTEN[name].topic].writer != service} == set()


def events_made(file: Path) -> set[str]:
    """The event classes that a module imports from the messages and calls."""
    tree = ast.parse(file.read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lockgate.messages.")
        for alias in node.names
    }
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return imported & called & WRITTEN.keys()

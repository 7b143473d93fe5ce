"""The pinned jars: what arrives is what the lock says, or nothing is used."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lockgate.embedded import EmbeddedError, Progress, jars
from lockgate.embedded.jars import Jar, fetch

CONTENT = b"content of the jar"


def jar(name: str, content: bytes = CONTENT) -> Jar:
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))


class Repository:
    """Delivers the given bytes for every jar, and remembers what was asked for."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.asked: list[str] = []

    def __call__(self, wanted: Jar, scratch: Path) -> Path:
        self.asked.append(str(wanted))
        (scratch / "download").write_bytes(self.content)
        return scratch / "download"


def ignore(_: Progress) -> None:
    pass


def test_the_lock_names_46_jars_of_kafka_4_3_1() -> None:
    pinned = jars.read_lock(jars.LOCK.read_text())
    assert len(pinned) == 46
    assert "org.apache.kafka:kafka_2.13:4.3.1" in [str(one) for one in pinned]
    assert sum(one.size for one in pinned) == 45_025_660


def test_progress_counts_the_jars_that_have_come(tmp_path: Path) -> None:
    seen: list[str] = []
    fetch((jar("a"), jar("b")), tmp_path / "jars", Repository(), lambda progress: seen.append(str(progress)))
    step = "Kafka 4.3.1: 2 jars, 0 MB"
    assert seen == [f"{step} … 0/2", f"{step} … 1/2", f"{step} … 2/2"]
    assert (tmp_path / "jars" / "a-1.0.jar").read_bytes() == CONTENT


def test_a_wrong_checksum_is_a_clear_error_and_the_jar_is_thrown_away(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError) as raised:
        fetch((jar("a"),), tmp_path / "jars", Repository(b"something else"), ignore)
    assert "org.example:a:1.0 arrived with sha256 " + hashlib.sha256(b"something else").hexdigest() in str(
        raised.value
    )
    assert "kafka-4.3.1.lock pins " + hashlib.sha256(CONTENT).hexdigest() in str(raised.value)
    assert "What to do: run it again" in str(raised.value)
    assert list((tmp_path / "jars").iterdir()) == []


def test_what_was_fetched_is_not_fetched_again_and_half_a_jar_is(tmp_path: Path) -> None:
    wanted = (jar("a"), jar("b"))
    fetch(wanted, tmp_path / "jars", Repository(), ignore)
    (tmp_path / "jars" / "b-1.0.jar").write_bytes(CONTENT[:5])

    second = Repository()
    fetch(wanted, tmp_path / "jars", second, ignore)

    assert second.asked == ["org.example:b:1.0"]
    assert (tmp_path / "jars" / "b-1.0.jar").read_bytes() == CONTENT


def test_processes_at_the_same_time_fetch_each_jar_once(tmp_path: Path) -> None:
    repository = Repository()
    with ThreadPoolExecutor(4) as pool:
        starts = [
            pool.submit(fetch, (jar("a"), jar("b")), tmp_path / "jars", repository, ignore) for _ in range(4)
        ]
        for start in starts:
            start.result()
    assert sorted(repository.asked) == ["org.example:a:1.0", "org.example:b:1.0"]


def test_a_repository_that_cannot_be_reached_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: Jar, _scratch: Path) -> Path:
        raise ConnectionError("no route to host")

    monkeypatch.setattr("lockgate.embedded.jars.time.sleep", lambda _seconds: None)
    with pytest.raises(
        EmbeddedError, match=r"org.example:a:1.0 could not be fetched in 3 tries: no route to host"
    ):
        fetch((jar("a"),), tmp_path / "jars", unreachable, ignore)


def test_a_cache_folder_with_a_colon_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_CACHE", str(tmp_path / "a:b"))
    with pytest.raises(EmbeddedError, match="has a colon in its name"):
        jars.ensure(ignore)

"""Dead letters from the command line: listed, chosen, shown without harm, and written out to the byte."""

import json
from pathlib import Path

import pytest

from lockgate.cli.view.content import SHOWN_BYTES, columns, content, short
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import Reason, dead_letter, original
from tests.support.commands import typed
from tests.support.toy_world import World

HOSTILE = b"\x1b[2J\x1b]0;owned\x07\xff\x00"
NO_JSON = '{"price": "1 €"\nnothing closes this'.encode()


# --- what is shown of bytes ---------------------------------------------------------------------------------


def test_text_is_shown_as_its_lines() -> None:
    assert content("für\n\t{}".encode()) == ["für", "        {}"]


@pytest.mark.parametrize(
    "value", [b"\x1b[31m", b"a\x00b", b"\xff", "ab\u202ecd".encode(), b"a\rb", b"\x9b1m"]
)
def test_what_could_act_on_a_terminal_is_shown_in_hexadecimal(value: bytes) -> None:
    (line,) = content(value)
    assert line.startswith(f"00000000  {value.hex(' ')}")
    assert line.isprintable()
    assert short(value) == f"0x{value.hex()}"


def test_a_dump_has_sixteen_bytes_a_line_with_their_place_and_their_letters() -> None:
    assert content(b"0123456789abcdef\x00\xffZ") == [
        "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef",
        "00000010  00 ff 5a                                         ..Z",
    ]


def test_no_value_and_an_empty_one_are_told_apart() -> None:
    assert content(None) == ["(no value: null)"]
    assert content(b"") == ["(empty: 0 bytes)"]
    assert short(None) == "(null)"


def test_a_large_value_is_cut_between_characters_and_the_rest_is_counted() -> None:
    text = "€" * SHOWN_BYTES
    shown, rest = content(text.encode())
    assert shown == "€" * (SHOWN_BYTES // 3)
    assert (
        rest == f"… {2 * SHOWN_BYTES} of {3 * SHOWN_BYTES} bytes are left out; --raw FILE writes all of them"
    )
    dump = content(b"\x00" * (SHOWN_BYTES + 7))
    assert len(dump) == SHOWN_BYTES // 16 + 1
    assert dump[-1].startswith("… 7 of ")


def test_columns_are_as_wide_as_their_words() -> None:
    assert columns([("NO", "WHY"), ("100", "x")]) == ["NO   WHY", "100  x"]
    assert columns([]) == []


# --- taken apart again --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"), [(b"k", b"\xff"), (None, b"v"), (b"k", None), (None, None), (b"k", b"")]
)
def test_a_dead_letter_tells_the_record_that_it_was(key: bytes | None, value: bytes | None) -> None:
    headers = (("lg_reason", b"forged"), ("ce_id", b"\xfe"))
    record = Record("verdicts", 3, 17, key, headers, value)
    ours, kept = dead_letter(record, Reason.NOT_JSON, "why")
    told = original(Record("rollback.deadletters", 0, 0, key, ours, kept))
    assert (told.place, told.reason, told.detail) == ("verdicts/3/17", "not-json", "why")
    assert (told.key, told.headers, told.value) == (key, headers, value)


def test_what_is_no_dead_letter_at_all_is_told_as_far_as_it_says() -> None:
    told = original(Record("rollback.deadletters", 0, 0, None, (("lg_reason", b"\xff"), ("x", None)), None))
    assert (told.place, told.reason, told.detail, told.headers) == ("?/?/?", "\ufffd", "?", ())


# --- on real servers ----------------------------------------------------------------------------------------


async def test_dead_letters_are_listed_chosen_shown_and_written_out(world: World, tmp_path: Path) -> None:
    at = ("--kafka", world.kafka.bootstrap, "--prefix", world.prefix)
    await world.serving()
    none = await typed("deadletters", "list", *at)
    assert (none.exit_code, none.stdout) == (0, "no dead letters\n"), none.output
    async with world.producer() as producer:
        for value, headers in ((NO_JSON, [("ce_id", b"1")]), (HOSTILE, [("\x1b[5m", b"\x1b")])):
            await producer.send_and_wait(
                world.prefix + "verdicts", value, key=b"shop", partition=0, headers=headers
            )
    await world.until("select coalesce(sum(sent), 0) from relay", 2)

    listed = await typed("deadletters", "list", *at)
    head, first, second = listed.stdout.splitlines()
    assert head.split() == ["NO", "WHEN", "DEAD", "LETTER", "RECORD", "REASON", "BYTES", "DETAIL"]
    assert first.split()[0] == "1"
    assert f"rollback.deadletters/0/0  verdicts/0/0  not-json  {len(NO_JSON)}" in first
    assert f"rollback.deadletters/0/1  verdicts/0/1  headers   {len(HOSTILE)}" in second
    chosen = await typed("deadletters", "list", "--service", "rollback", "--reason", "headers", "--json", *at)
    (only,) = json.loads(chosen.stdout)
    assert (only["number"], only["letter"], only["key"]) == (1, "rollback.deadletters/0/1", "shop")
    recent = await typed("deadletters", "list", "--since", "1h", *at)
    assert recent.stdout == listed.stdout

    shown = await typed("deadletters", "show", f"{world.prefix}rollback.deadletters/0/0", *at)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.endswith('headers\n  ce_id  1\nvalue\n{"price": "1 €"\nnothing closes this\n')
    file = tmp_path / "raw"
    hostile = await typed("deadletters", "show", "1", "--reason", "headers", "--raw", str(file), *at)
    assert file.read_bytes() == HOSTILE
    assert all(line.isprintable() for line in hostile.stdout.splitlines())
    assert r"  \x1b[5m  0x1b" in hostile.stdout.splitlines()
    assert "00000000  1b 5b 32 4a" in hostile.stdout

    for wrong, why in (
        ("3", "there is no number 3: `lockgate deadletters list` has 2 with these options"),
        ("rollback.deadletters/0/2", "its topic has the offsets 0 to 1"),
        ("rollback.deadletters/1/0", "that partition of the topic is empty"),
        ("rollback.deadletters/7/0", "has no partition 7"),
        ("verdicts/0/0", "names no dead letter: write TOPIC/PARTITION/OFFSET"),
    ):
        refused = await typed("deadletters", "show", wrong, *at)
        assert (refused.exit_code, refused.stdout) == (1, ""), refused.output
        assert why in refused.stderr


async def test_a_prefix_without_topics_and_a_service_without_dead_letters_are_named(world: World) -> None:
    nobody = await typed("deadletters", "list", "--kafka", world.kafka.bootstrap, "--prefix", "nobodys.")
    assert nobody.exit_code == 2
    assert "has no topic of dead letters (nobodys.intake.deadletters, " in nobody.stderr
    ledger = await typed("deadletters", "list", "--service", "ledger")
    assert ledger.exit_code == 2
    assert "no service 'ledger' writes dead letters" in ledger.output

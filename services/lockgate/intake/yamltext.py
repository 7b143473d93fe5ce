"""YAML 1.2 or JSON text as plain JSON data, with the line of every key and value. Pure.

Only what JSON can say is read. The text is untrusted: its size and depth are limited before a tree is built.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lockgate.intake.problems import LinedProblem, Problem
from lockgate.intake.words import clip, shown
from lockgate.messages.stage_rules import Path

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_PARTS: Final = 20_000  # keys, values and brackets; reading so many takes a second or two
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")


class UnreadableTextError(ValueError):
    """The text is no plain YAML or JSON object; the message says what to write instead."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a text, the line of each place in it (from 1), and what could not be kept."""

    data: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)
    problems: tuple[LinedProblem, ...] = ()


def read_text(text: str | bytes) -> Document:
    """The document. UnreadableTextError if there is no data to speak of; smaller problems are in `problems`."""
    plain = _plain(text)
    node = _tree(plain)
    if not isinstance(node, MappingNode):
        raise UnreadableTextError(1, "a plan is an object with fields: write `kind: Plan` first")
    reader = _Reader()
    data = reader.mapping(node, ())
    return Document(data, {(): 1, **reader.lines}, tuple(reader.problems))


def _tree(plain: str) -> Node | None:
    try:
        _refuse_tricks(plain)
        return cast("Node | None", _yaml().compose(plain))
    except UnreadableTextError:
        raise
    except YAMLError as error:
        raise _syntax(error) from None
    except Exception as error:  # noqa: BLE001  # ruamel.yaml fails in its own ways, such as OverflowError on "\UFFFFFFFF"
        raise UnreadableTextError(1, f"this is no YAML or JSON: {clip(str(error), 500)}") from None


def _yaml() -> Any:
    return YAML(typ="safe", pure=True)  # pure: the C parser is YAML 1.1


def _plain(text: str | bytes) -> str:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        raise UnreadableTextError(1, f"the plan has {len(raw)} bytes: {MAX_BYTES} are the most it can have")
    try:
        plain = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UnreadableTextError(line, "this is no UTF-8 text: save the file as UTF-8") from None
    # JSON may be indented with tabs, YAML may not; inside of a JSON text a tab is always written \t.
    return plain.replace("\t", " ") if plain.lstrip().startswith("{") else plain


def _refuse_tricks(plain: str) -> None:
    """What a reader of the file could misunderstand is refused, and what is too deep to build a tree of."""
    depth = 0
    for number, event in enumerate(_yaml().parse(plain)):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        too_deep = f"this is nested deeper than {MAX_DEPTH} levels: write it flatter"
        too_many = f"a plan has at most {MAX_PARTS} keys and values: write a smaller one"
        if trick := too_deep if depth > MAX_DEPTH else too_many if number > MAX_PARTS else _trick(event):
            raise UnreadableTextError(_line(event), trick)


def _trick(event: Event) -> str:
    match event:
        case AliasEvent():
            return f"write out what *{event.anchor} stands for: plans have no aliases"
        case NodeEvent() if event.anchor:
            return f"remove the anchor &{event.anchor}: plans have no aliases"
        case DocumentStartEvent() if event.version or event.tags:
            return "remove the directive (the line with %): plans are YAML 1.2"
        case NodeEvent() if tag := getattr(event, "tag", None):
            return f"remove the tag {tag}: write the plain value"
        case _:
            return ""


def _line(part: Any) -> int:
    return int(part.start_mark.line) + 1


def _syntax(error: YAMLError) -> UnreadableTextError:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 1
    problem = error.problem if isinstance(error, MarkedYAMLError) else str(error).split("\n", 1)[0]
    if problem == "but found another document":
        return UnreadableTextError(
            line, "a file has one plan: move what follows the line `---` to another file"
        )
    return UnreadableTextError(line, clip(f"this is no YAML or JSON: {problem}", 500))


class _Reader:
    """Builds the data of a tree of nodes and notes where each part is."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[LinedProblem] = []

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            name = self._name(key, path)
            place = (*path, name)
            if name in data:
                first = self.lines[place]
                self._note(key, place, f"this field is written twice, first in line {first}: remove one")
                continue
            self.lines[place] = _line(key)
            data[name] = self._value(value, place)
        return data

    def _name(self, key: Node, path: Path) -> str:
        if isinstance(key, ScalarNode) and _tag(key) in {"str", "merge", "bool", "null"}:
            return self._text(key, path)
        self._note(key, path, f"{shown(_source(key))} cannot be the name of a field: write a plain word")
        return _source(key)

    def _value(self, node: Node, path: Path) -> Any:
        match node:
            case MappingNode():
                return self.mapping(node, path)
            case SequenceNode():
                return list(self._items(node, path))
            case _:
                return self._scalar(node, path)

    def _items(self, node: SequenceNode, path: Path) -> Iterator[Any]:
        for i, item in enumerate(node.value):
            self.lines[(*path, i)] = _line(item)
            yield self._value(item, (*path, i))

    def _scalar(self, node: Node, path: Path) -> Any:
        text = str(node.value)
        match _tag(node):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if _WHOLE.fullmatch(text):
                return int(text)
            case "float" if isfinite(value := _number(text)):
                return value
            case "int" | "float":
                self._note(node, path, f"{shown(text)} is no number: write at most 18 decimal digits")
                return 0
            case _:
                return self._text(node, path)

    def _text(self, node: Node, path: Path) -> str:
        """JSON writes what is beyond the first plane of Unicode as a pair of halves; NUL cannot be stored."""
        try:
            whole = str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            whole = "\0"
        if "\0" in whole:
            self._note(node, path, "remove the character that cannot be stored: NUL, or half of a pair")
            return ""
        return whole

    def _note(self, node: Node, path: Path, sentence: str) -> None:
        self.problems.append(LinedProblem(_line(node), Problem(path, sentence)))


def _number(text: str) -> float:
    try:
        return float(text.replace("_", ""))
    except ValueError:  # .inf and .nan
        return float("nan")


def _tag(node: Node) -> str:
    """The type that YAML 1.2 gives a node: str, int, float, bool, null, …"""
    return str(node.tag).rpartition(":")[2]


def _source(node: Node) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else "a list or an object"

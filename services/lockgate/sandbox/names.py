"""What the API server takes as a name, a label, an annotation. Pure."""

import re
from collections.abc import Iterator, Mapping

from lockgate.sandbox.kinds import NAMESPACES, SERVICES, Kind

Cause = tuple[str, str]  # field path, message

_LABEL_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_MOST_OF_NAME, _MOST_OF_LABEL = 253, 63
_MOST_OF_ANNOTATIONS = 256 * 1024
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character"
)
_QUALIFIED_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character"
)


def is_host(text: str) -> bool:
    """A host name, perhaps with a wildcard as its first part, as routes take it."""
    return _SUBDOMAIN.fullmatch(text.removeprefix("*.")) is not None and len(text) <= _MOST_OF_NAME


def name_problems(kind: Kind, name: str) -> Iterator[str]:
    """Why this is no name for an object of this kind."""
    if kind in (SERVICES, NAMESPACES):
        yield from label_name_problems(name)
        return
    if len(name) > _MOST_OF_NAME:
        yield f"must be no more than {_MOST_OF_NAME} characters"
    elif not _SUBDOMAIN.fullmatch(name):
        yield _SUBDOMAIN_RULE


def label_name_problems(name: str) -> Iterator[str]:
    """Why this is no name of a Service or of a container."""
    if len(name) > _MOST_OF_LABEL:
        yield f"must be no more than {_MOST_OF_LABEL} characters"
    elif not _LABEL_NAME.fullmatch(name):
        yield _LABEL_RULE


def labels_causes(field: str, labels: Mapping[str, str]) -> Iterator[Cause]:
    """What is wrong with these labels; every cause names the one field that they all are."""
    for key, value in labels.items():
        if problem := _key_problem(key):
            yield field, f'Invalid value: "{key}": {problem}'
        if len(value) > _MOST_OF_LABEL:
            yield field, f'Invalid value: "{value}": must be no more than {_MOST_OF_LABEL} bytes'
        elif value and not _QUALIFIED.fullmatch(value):
            yield (
                field,
                f'Invalid value: "{value}": a valid label must be an empty string or {_QUALIFIED_RULE}',
            )


def annotations_causes(field: str, annotations: Mapping[str, str]) -> Iterator[Cause]:
    """As `labels_causes`. Values may hold any text, all together up to a size."""
    for key in annotations:
        if problem := _key_problem(key.lower()):
            yield field, f'Invalid value: "{key}": {problem}'
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _MOST_OF_ANNOTATIONS:
        yield field, f"Too long: may not be more than {_MOST_OF_ANNOTATIONS} bytes"


def _key_problem(key: str) -> str | None:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _MOST_OF_NAME or not _SUBDOMAIN.fullmatch(prefix)):
        return f"a valid label key {_QUALIFIED_RULE} with an optional DNS subdomain prefix and '/'"
    if len(name) > _MOST_OF_LABEL:
        return f"name part must be no more than {_MOST_OF_LABEL} bytes"
    return None if _QUALIFIED.fullmatch(name) else f"name part {_QUALIFIED_RULE}"

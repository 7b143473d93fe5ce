"""Whether a feature flag is on, read from a ConfigMap as flagd reads it. Pure."""

import json
from collections.abc import Mapping
from typing import Any


def flag_is_on(data: Mapping[str, str], flag: str, region: str) -> bool:
    """Each value of `data` may be a flagd document; a key named like the flag may simply say `true`."""
    if data.get(flag, "").strip().lower() in ("true", "on"):
        return True
    return any(_in_document(text, flag, region) for text in data.values())


def _in_document(text: str, flag: str, region: str) -> bool:
    try:
        document = json.loads(text)
    except ValueError:
        return False
    flags = document.get("flags") if isinstance(document, dict) else None
    definition = flags.get(flag) if isinstance(flags, dict) else None
    if not isinstance(definition, dict) or definition.get("state") != "ENABLED":
        return False
    variant = _targeted(definition.get("targeting"), region) or definition.get("defaultVariant")
    value = (definition.get("variants") or {}).get(variant)
    return value is True or value in ("true", "on")


def _targeted(targeting: Any, region: str) -> str | None:
    """The variant of `{"if": [{"in": [{"var": "region"}, [...]]}, a, b]}`; other rules say nothing here."""
    match targeting:
        case {"if": [{"in": [{"var": "region"}, list() as regions]}, str() as there, str() as elsewhere]}:
            return there if region in regions else elsewhere
        case _:
            return None

"""Versions by the names that people gave them: in a text, a digest is replaced as a whole or not at all."""

import re
from dataclasses import dataclass, field

from lockgate.cli.view.plain import plain
from lockgate.messages.values import Artifact

_SHORT = 12
_DIGEST = re.compile(r"(?<![\w:/@.%-])(?:sha256:([0-9a-f]{64})|([0-9a-f]{12}))(?![\w-])")
"""A digest, or the first digits of one, as services write it in a sentence. What is only a part of a longer word, such
as of a release's id or of a package URL, is none."""


@dataclass(slots=True)
class Names:
    """Which version is meant by which digest. A tag that moved names several, and is told with its digest."""

    _tags: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Digest, without its algorithm -> application and tag."""
    _digests: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _short: dict[str, set[str]] = field(default_factory=dict)

    def learn(self, application: str, artifact: Artifact) -> None:
        if artifact.tag is None:
            return
        digits = artifact.digest.removeprefix("sha256:")
        self._tags.setdefault(digits, (application, artifact.tag))
        self._digests.setdefault((application, artifact.tag), set()).add(digits)
        self._short.setdefault(digits[:_SHORT], set()).add(digits)

    def called(self, application: str, artifact: Artifact) -> str:
        """What people call it."""
        if artifact.tag is None:
            return artifact.label
        return self._tag((application, artifact.tag), artifact.digest.removeprefix("sha256:"))

    def told(self, text: str) -> str:
        """A text with versions as people call them; a whole digest stays recognisable behind the name."""
        return _DIGEST.sub(self._replaced, text)

    def _replaced(self, found: re.Match[str]) -> str:
        whole, short = found.groups()
        if whole is None:
            digests = self._short.get(short, set())
            only = next(iter(digests)) if len(digests) == 1 else ""
            return self._tag(self._tags[only], only) if only else short
        tag = self._tags.get(whole)
        return found[0] if tag is None else f"{plain(tag[1])} (sha256:{whole[:_SHORT]}…)"

    def _tag(self, named: tuple[str, str], digits: str) -> str:
        alone = self._digests.get(named, {digits}) == {digits}
        return plain(named[1]) if alone else f"{plain(named[1])} ({digits[:_SHORT]})"

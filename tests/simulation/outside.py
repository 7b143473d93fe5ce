"""What comes from outside: CI and operators speak, and monitoring complains of versions that are bad late."""

from functools import partial
from typing import TYPE_CHECKING

from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import ReleaseHalted
from lockgate.messages.values import EVERY
from lockgate.messages.verdicts import Granted
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Cluster, Write
from tests.simulation.scenario import PLACES, PREPROD, digest_of

if TYPE_CHECKING:
    from tests.simulation.world import World


class Outside:
    def __init__(self, world: "World") -> None:
        self.world = world

    def inlet(self, topic: str, body: Payload, id_: str | None = None) -> None:
        number = sum(len(log) for (name, _), log in self.world.logs.items() if name == topic)
        message = Message(
            body=body,
            id=id_ or f"{topic}-{number}",
            source=f"/{topic}",
            key="",
            at=self.world.time().isoformat(),
        )
        part = self.world.random.choice((EVERY, *self.world.scenario.applications))
        self.world.say(lambda: f"{topic}: {type(body).__name__} {body.subject_id()[-60:]}")
        self.world.topics.append((topic, part), message)
        if self.world.random.random() < 0.1:
            self.world.topics.append((topic, part), message)

    def wrote(self, write: Write) -> None:
        self.world.say(
            lambda: (
                f"   {write.region}/{write.application} is written by {write.by}: "
                f"{_short(write.before.digest)} -> {_short(write.after.digest)} share {_short(write.after.share)}"
            )
        )
        self.world.checks.wrote(write)
        digest = write.after.digest
        kind = self.world.scenario.kind_of(digest)
        late = digest != write.before.digest and kind in {Kind.BAD_LATE, Kind.BAD_FLAG}
        if late and write.region != PREPROD:
            when = self.world.now + self.world.random.uniform(30, 1500)
            self.world.at(when, partial(self.alarm, write.application, write.region, digest))

    def alarm(
        self, application: str, region: str, digest: str | None, times: int = 1, named: str | None = None
    ) -> None:
        """Monitoring complains, repeats itself, and is content at last; with more `times` it cannot make up its mind.

        `digest`: only if that runs there still. `named`: the version that it names.
        """
        cluster = self.world.clusters.get(region)
        if digest is not None and cluster is not None and not self._shows(cluster, application, digest):
            return
        incident = f"{application} {region} {self.world.random.randint(1, 5)}"
        named = named or (digest if self.world.random.random() < 0.5 else None)
        artifact = f"pkg:oci/{application}@{named.replace(':', '%3A')}" if named else None
        about = {
            "incident": incident,
            "service": f"/shop/{application}",
            "environment": region,
            "artifact_id": artifact,
        }
        detected, resolved = IncidentDetected(**about), IncidentResolved(**about)
        helped = digest is not None and self.world.scenario.kind_of(digest) is Kind.BAD_FLAG
        lasts = 30 if times > 1 else self.world.random.choice((60, 900)) if helped else 900
        for n in range(times):
            start = self.world.now + 45 * n
            self._later(start, detected)
            if self.world.random.random() < 0.5:
                self._later(start + 300, detected)
            self._later(start + lasts, resolved)

    def _shows(self, cluster: Cluster, application: str, digest: str) -> bool:
        """Whether there is anything to complain of."""
        is_flag = self.world.scenario.kind_of(digest) is Kind.BAD_FLAG
        return cluster.look(application).digest == digest and (cluster.flag(application).on or not is_flag)

    def _later(self, when: float, body: IncidentDetected | IncidentResolved) -> None:
        self.world.at(when, lambda: self.inlet("anomalies", body))

    def published(self, body: Payload) -> None:
        """Monitoring may complain of anything while a release is being taken back, and of what ran before while a region
        is deployed to.
        """
        random, application = self.world.random, getattr(body, "application", "")
        when = self.world.now + random.uniform(0, 60)
        match body:
            case ReleaseHalted() if self.world.chaotic and random.random() < 0.3:
                self.world.at(when, partial(self.alarm, application, random.choice(PLACES), None))
            case Granted(region=region) if self.world.chaotic and random.random() < 0.03:
                before = digest_of(f"{application} before") if random.random() < 0.5 else None
                self.world.at(when, partial(self.alarm, application, region, None, named=before))
            case _:
                pass


def _short(digest: str | None) -> str:
    return digest[7:13] if digest else "-"

"""A plan that an operator publishes, in YAML or JSON: what `lockgate plan publish` sends. Pure.

It is checked here as `lockgate plan check` does, so that every mistake is answered at once with its line; whether its
regions are served and its package is free is intake's to say, on `releases`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lockgate.intake.door.answers import Code, Refused
from lockgate.intake.door.delivery import Delivery, Options, Translated, cdevent, draft, plain
from lockgate.intake.door.sources.keys import id_of
from lockgate.intake.planfile import BadPlan, GoodPlan, check_plan
from lockgate.messages.plans import PlanPublished
from lockgate.messages.values import Name


class PlanObject(BaseModel):
    """A plan; schemas/plan.json says all of it."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["Plan"]
    application: Name
    artifact: str


def translate(delivery: Delivery, _options: Options) -> Translated:
    """The publication of a good plan. Its author is whoever was authenticated."""
    match check_plan(delivery.body):
        case BadPlan(problems=problems):
            many = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
            raise Refused(
                Code.UNREADABLE,
                f"the plan has {many}; nothing was published: correct {'them' if len(problems) > 1 else 'it'} and send it again",
                tuple(plain(str(problem), 2000) for problem in problems[:100]),
            )
        case GoodPlan(written=written, plan=plan):
            content = {"plan": written, "author": delivery.caller}
            subject = {"id": plan.application, "content": content}
            event = cdevent(
                PlanPublished.type, id_of(delivery, "plans", plan.application), "plans", delivery.at, subject
            )
            return Translated(drafts=(draft(PlanPublished.topic, PlanPublished.type, event),))

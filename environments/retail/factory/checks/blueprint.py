"""All checks of one task, in the order that one builds on another."""

from __future__ import annotations

from collections.abc import Container, Iterator

from pydantic import JsonValue

from environments.retail.database import RetailDB
from environments.retail.factory.checks.customer import consistency_entries, identity_entries
from environments.retail.factory.checks.difference import diff_patch
from environments.retail.factory.checks.entries import Checked, Entry
from environments.retail.factory.checks.formats import read_blueprint
from environments.retail.factory.checks.outputs import measure_entries, output_entries
from environments.retail.factory.checks.replay import Replay
from environments.retail.factory.checks.scenario import scenario_entries
from environments.retail.factory.checks.wishes import wish_entries
from environments.retail.factory.envelope import Blueprint
from environments.retail.factory.normalise import canonical_key


def check_blueprint(
    blueprint: Blueprint | JsonValue,
    db: RetailDB,
    *,
    scenario: str | None = None,
    user_id_validation: bool = True,
    accepted: Container[str] = (),
) -> Checked:
    """Check a task, or what should be one as a model or a file gives it, on a shop that stays as it is.

    `accepted` holds the canonical keys of tasks that this one must differ from.
    """
    read, faults = read_blueprint(blueprint)
    replay = Replay(read, db)
    normal = read.model_copy(update={"agt": replay.calls})
    patch = diff_patch(replay.state)
    entries = [*faults, *replay.entries]
    if user_id_validation:
        entries += consistency_entries(replay)
    if scenario is not None:
        entries += scenario_entries(scenario, normal.agt)
    entries += identity_entries(replay)
    if normal.q.strip():
        entries += wish_entries(normal.q, normal.agt)
    entries += output_entries(normal, replay)
    entries += measure_entries(normal, replay, changes=bool(patch))
    entries += _duplicates(normal, replay.user_id, accepted)
    return Checked(
        blueprint=normal,
        entries=tuple(entries),
        corrections=tuple(replay.corrections),
        user_id=replay.user_id,
        trace=tuple(replay.trace),
        diff_patch=patch,
    )


def _duplicates(blueprint: Blueprint, user_id: str, accepted: Container[str]) -> Iterator[Entry]:
    if accepted == ():
        return
    keys = (canonical_key(blueprint), canonical_key(blueprint, user_id=user_id))
    if any(key in accepted for key in keys):
        yield Entry("DUPLICATE", "error", "a task with the same calls for the same customer was accepted already")

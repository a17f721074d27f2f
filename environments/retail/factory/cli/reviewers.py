"""Who sits on the committee, as flags name them."""

from __future__ import annotations

import argparse

from agentgym.errors import UsageError
from agentgym.policy import Policy
from environments.retail.factory.cli.options import make_model, spec_of


def make_reviewers(args: argparse.Namespace) -> list[Policy]:
    """One a seat; a model that sits on several answers at another temperature on each."""
    from agentgym.policies.specs import asks_a_model
    from environments.retail.factory.scripts import in_order

    names = [name for name in args.reviewer_models if name != "heuristic"]
    if len(names) < len(args.reviewer_models) and names:
        raise UsageError("--reviewer-models: the heuristic sits on all seats or on none")
    seats: list[Policy] = []
    shared: dict[str, Policy] = {}
    for seat in range(args.committee_size if names else 0):
        name, again = names[seat % len(names)], seat // len(names)
        if not asks_a_model(spec_of(name)):
            shared[name] = shared.get(name) or in_order(make_model(name, args))
            seats.append(shared[name])
            continue
        warmer = {"temperature": min(1.0, (args.temperature or 0.0) + 0.3 * again)} if again else {}
        seats.append(make_model(name, argparse.Namespace(**{**vars(args), **warmer})))
    return seats

"""What an answer is worth: its form, the choice of the mode, and what its call comes to."""

from __future__ import annotations

from agentgym.errors import UsageError

FORMAT, MODE, OUTCOME = 0.2, 0.5, 0.3


def special_token_terms(*, in_form: bool, choice: float, outcome: bool, strict: bool = False) -> dict[str, float]:
    """The named terms; `choice` is 1 for the right mode, less for others. `strict`: all of it, or nothing."""
    if not 0 <= choice <= 1:
        raise UsageError(f"choice={choice!r}: give a number from 0 to 1")
    if strict:
        all_of_it = float(in_form and choice == 1 and outcome)
        return {"format": FORMAT * all_of_it, "mode": MODE * all_of_it, "outcome": OUTCOME * all_of_it}
    return {"format": FORMAT * in_form, "mode": MODE * choice, "outcome": OUTCOME * outcome}


def special_token_reward(*, in_form: bool, choice: float, outcome: bool, strict: bool = False) -> float:
    """The sum of the terms."""
    terms = special_token_terms(in_form=in_form, choice=choice, outcome=outcome, strict=strict)
    return round(sum(terms.values()), 12)  # 0.2 + 0.5 + 0.3 is exactly 1

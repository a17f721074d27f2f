"""Whether a task can be played, keeps the policy, and measures something: `check_blueprint`."""

from environments.retail.factory.checks.blueprint import check_blueprint
from environments.retail.factory.checks.entries import Checked, Entry, Traced
from environments.retail.factory.checks.scenario import scenario_of
from environments.retail.factory.normalise import canonical_key

__all__ = ["Checked", "Entry", "Traced", "canonical_key", "check_blueprint", "scenario_of"]

"""The digits from 0 to 9: small enough to try a policy on, and to see a benchmark at work."""

from agentgym.suite import Suite

SUITE = Suite(id="guess", environment="guess", description="Find each of the ten digits, in eight guesses at most.")

"""Debugging requests, each to be answered with the one special token that fits."""

from agentgym.suite import Suite

SUITE = Suite(
    id="special-tokens",
    environment="special-tokens",
    description="Choose between exploring and mending, in requests put in phrases that no training data holds.",
    split="test",
    policies=("idle", "random", "keywords", "oracle"),
    tags=("mode", "language", "topic", "bug_class"),
    metrics=("environments.special_tokens.figures:special_tokens",),
    pictures=("environments.special_tokens.figures:confusion",),
)

"""Programs to write and programs to mend, run in the sandbox and graded by hidden cases."""

from agentgym.suite import Suite

SUITE = Suite(
    id="code-debug",
    environment="code-debug",
    description="Write programs, and mend programs with a bug (--split write or debug), graded by hidden cases.",
    tags=("topic", "difficulty", "bug_class"),
    metrics=("environments.code_debug.figures:code_debug",),
)

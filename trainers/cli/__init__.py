"""`agentgym train`: from recorded episodes to a better policy; a verb's file is imported when it is chosen."""

from agentgym.cli.verbs import Verbs

VERBS = Verbs(
    __name__,
    {
        "data": "turn runs and data files into rows of tokens, and tell what is in them",
    },
)
configure, run = VERBS.configure, VERBS.run

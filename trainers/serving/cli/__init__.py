"""`agentgym model`: what becomes of a trained checkpoint."""

from agentgym.cli.verbs import Verbs

VERBS = Verbs(
    __name__,
    {
        "serve": "answer as an OpenAI-compatible endpoint, or print how others would",
    },
)
configure, run = VERBS.configure, VERBS.run

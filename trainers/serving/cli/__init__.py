"""`agentgym model`: what becomes of a trained checkpoint."""

from agentgym.cli.verbs import Verbs

VERBS = Verbs(
    __name__,
    {
        "new": "make a tiny model and its tokenizer from scratch, of the texts it is to learn",
        "merge": "put an adapter into its base, as one model to serve",
        "eval": "play suites before and after training, and compare",
        "serve": "answer as an OpenAI-compatible endpoint, or print how others would",
    },
)
configure, run = VERBS.configure, VERBS.run

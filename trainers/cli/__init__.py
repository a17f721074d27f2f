"""`agentgym train`: from recorded episodes to a better policy; a verb's file is imported when it is chosen."""

from agentgym.cli.verbs import Verbs

VERBS = Verbs(
    __name__,
    {
        "data": "turn runs and data files into rows of tokens, and tell what is in them",
        "sft": "teach a model to do as recorded episodes do",
        "grpo": "change a model by the rewards of its rollouts, recorded or live",
        "recipe": "list the recipes, print one, or make one of an old INI file",
        "slurm": "print a batch script that trains by a recipe",
    },
)
configure, run = VERBS.configure, VERBS.run

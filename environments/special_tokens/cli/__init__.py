"""`agentgym tokens`: training data for special tokens, made, checked and answered."""

from agentgym.cli.verbs import Verbs

VERBS = Verbs(
    __name__,
    {
        "integrate": "put the tokens into a tokenizer and its model",
        "generate": "make training data, by quota, from programs whose bugs were run",
        "check": "check that the answers of a file keep to the rules of their form",
        "validate": "find out whether a file is fit to be trained on",
        "respond": "have a policy answer the requests of a file",
        "problems": "list or count the problems data is made from",
    },
)
configure, run = VERBS.configure, VERBS.run

"""`agentgym tasks`: tasks for the shop, made, reviewed, tried out and looked through."""

from agentgym.cli.verbs import Verbs

VERBS = Verbs(
    __name__,
    {
        "generate": "make tasks whose references are carried out before they are written",
        "test": "try a model on tasks, and write what came of it",
        "combine": "make one task of several of the same customer",
        "collect": "have conversations about tasks, and keep those that went well",
        "compare": "make tasks directly and with an agent, and compare the two",
        "analyze": "count what tasks ask for, what they refer to, and how their tests went",
        "filter": "part the tasks that were solved from the others",
        "find": "show tasks by their ids, by what is wrong with them, or by how their tests went",
        "normalize": "write the arguments of calls in one form, without changing what they say",
        "convert": "write tasks in another form, also as rows to train on",
    },
)
configure, run = VERBS.configure, VERBS.run

"""`agentgym code`: problems, bugs put into programs, programs judged, and conversations to learn from."""

from agentgym.cli.verbs import Verbs

VERBS = Verbs(
    __name__,
    {
        "problems": "list, count or print problems",
        "inject": "put bugs into the solutions of problems",
        "judge": "judge programs by the cases of their problems",
        "prepare": "make conversations in which programs are debugged",
    },
)
configure, run = VERBS.configure, VERBS.run

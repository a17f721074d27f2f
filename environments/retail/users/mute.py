"""A customer who says the task word for word, and then listens to nothing: for references that are only tried out."""

from __future__ import annotations

from environments.retail.database import RetailDB
from environments.retail.desk import TERMINAL
from environments.retail.task import RetailTask
from environments.retail.users.scripted import ScriptedUser
from environments.retail.users.user import STOP, User, UserSession


class MuteUser(User):
    """Says the task word for word and listens to nothing: the reference acts first, says what it has to, and is done.

    Who is to be handed over waits for that.
    """

    converses = False

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        waits = any(action.name == TERMINAL for action in task.actions)
        return ScriptedUser(["All right."] if waits else [STOP]).start(task, db=db, seed=seed)

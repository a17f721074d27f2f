"""The agent as an ordinary policy, for any environment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from agentgym.errors import UsageError, did_you_mean
from agentgym.flow.asking import Asker
from agentgym.flow.generator import answer_tool, final_tool
from agentgym.flow.planner import RESPOND_TOOL
from agentgym.flow.session import Bounds, FlowSession, Parts
from agentgym.flow.templates import Prompts
from agentgym.flow.types import RESPOND, ROLES, AgentFlowTrace, Knowledge, RoleName
from agentgym.flow.verifier import verdict_tool
from agentgym.messages import JsonObject, ModelCall
from agentgym.policy import Context, Policy, Session
from agentgym.prices import Price
from agentgym.seeds import derive_seed
from agentgym.tools import ToolSpec

ExecutorMode = Literal["direct", "llm"]
OPTIONS = (
    "executor",
    "final_tool",
    "max_calls_per_turn",
    "max_replans",
    "max_time_s",
    "max_turns",
    "prompts",
)
"""Its own settings, beside those of the models it asks."""


class AgentFlowPolicy(Policy):
    """Plans a step, has it carried out, judges what came of it, and answers from what it remembers.

    `roles` names other policies for the verifier, the generator and the executor; the verifier and the generator that
    are not named are the planner's policy. A planner with `prompted=False` (by default one that reads the reference)
    sees the conversation itself and its turn is the plan; roles that are not named are then played without a model.
    """

    def __init__(
        self,
        planner: Policy,
        *,
        roles: Mapping[str, Policy] | None = None,
        prompted: bool | None = None,
        executor: ExecutorMode | None = None,
        final_tool: str | None = None,
        max_turns: int | None = None,
        max_calls_per_turn: int = 1,
        max_time_s: float = 300.0,
        max_replans: int = 2,
        prompts: str | Path | None = None,
        on_trace: Callable[[AgentFlowTrace], None] | None = None,
        specs: Mapping[str, str] | None = None,
    ) -> None:
        self.planner = planner
        self.prompted = not planner.reads_reference if prompted is None else prompted
        self._named = _checked_roles(roles or {})
        self.roles = self._cast(executor)
        self._executor = executor
        self._final_tool = final_tool
        self._bounds = _checked(
            Bounds(
                max_turns=max_turns,
                max_calls_per_turn=max_calls_per_turn,
                max_time_s=max_time_s,
                max_replans=max_replans,
            )
        )
        self._prompts = Prompts(prompts)
        self._on_trace = on_trace
        self._specs = dict(specs or {})
        # The class says no for all its instances; this one is as its planner is.
        vars(self)["reads_reference"] = planner.reads_reference

    @property
    def name(self) -> str:
        return f"agentflow:{self.planner.name}"

    @property
    def base_url(self) -> str | None:
        return self.planner.base_url

    @property
    def settings(self) -> JsonObject:
        """The planner's, its own that are not as usual, and the roles that somebody else plays."""
        roles: JsonObject = {role: self._settings_of(role, policy) for role, policy in self._named.items()}
        return {**self.planner.settings, **self._options(), **({"roles": roles} if roles else {})}

    @property
    def prices(self) -> Mapping[str, Price]:
        return {spec: price for policy in self._policies() for spec, price in policy.prices.items()}

    def start(self, context: Context) -> Session:
        knowledge = _knowledge(context)
        final = final_tool(context.tools, self._final_tool)
        calls: list[ModelCall] = []
        tools: dict[RoleName, tuple[ToolSpec, ...]] = {
            "planner": knowledge.tools,
            "executor": context.tools,
            "verifier": (verdict_tool(),),
            "generator": (answer_tool(final),),
        }
        sessions: dict[RoleName, Session] = {}
        for role, policy in self._players():
            sessions[role] = policy.start(self._context_of(role, context, tools[role]))
        askers = {role: Asker(role, session, self._prompts, calls) for role, session in sessions.items()}
        planner = askers.pop("planner")
        parts = Parts(planner=planner, prompted=self.prompted, others=askers, sessions=tuple(sessions.values()))
        return FlowSession(
            parts,
            knowledge,
            bounds=self._bounds,
            prompts=self._prompts,
            final=final,
            calls=calls,
            on_trace=self._on_trace,
        )

    async def preflight(self) -> None:
        for policy in self._policies():
            await policy.preflight()

    async def aclose(self) -> None:
        for policy in self._policies():
            await policy.aclose()

    def _cast(self, executor: ExecutorMode | None) -> dict[RoleName, Policy]:
        """Who plays each role besides the planner; a role that is not here needs no model."""
        if executor not in (None, *get_args(ExecutorMode)):
            raise UsageError(f"executor={executor!r}: there are: {', '.join(get_args(ExecutorMode))}")
        if executor == "direct" and "executor" in self._named:
            raise UsageError("executor='direct' asks no model: leave the role executor out, or write executor='llm'")
        lent: dict[RoleName, Policy] = {}
        if self.prompted and not self.planner.reads_reference:
            lent = {"verifier": self.planner, "generator": self.planner}
            if executor == "llm":
                lent["executor"] = self.planner
        elif executor == "llm" and "executor" not in self._named:
            raise UsageError("executor='llm' needs a model: name one for the role executor")
        return lent | self._named

    def _players(self) -> Iterable[tuple[RoleName, Policy]]:
        yield "planner", self.planner
        yield from self.roles.items()

    def _policies(self) -> Iterable[Policy]:
        """Each once, however many roles it plays."""
        return {id(policy): policy for _, policy in self._players()}.values()

    def _context_of(self, role: RoleName, context: Context, tools: tuple[ToolSpec, ...]) -> Context:
        if role == "planner" and not self.prompted:
            return context
        own = role == "planner"
        return replace(
            context,
            tools=tools,
            seed=derive_seed(context.seed, role),
            answer_schema=None,
            reference=context.reference if own and self.planner.reads_reference else None,
        )

    def _settings_of(self, role: RoleName, policy: Policy) -> JsonObject:
        elsewhere = policy.base_url not in (None, self.base_url)
        place: JsonObject = {"base_url": policy.base_url} if elsewhere else {}
        return {"policy": self._specs.get(role, policy.name), **place, **policy.settings}

    def _options(self) -> JsonObject:
        usual = Bounds()
        bounds: JsonObject = {
            name: getattr(self._bounds, name)
            for name in Bounds.__dataclass_fields__
            if getattr(self._bounds, name) != getattr(usual, name)
        }
        others: JsonObject = {
            "executor": self._executor,
            "final_tool": self._final_tool,
            "prompts": None if self._prompts.folder is None else str(self._prompts.folder),
        }
        return bounds | {name: value for name, value in others.items() if value is not None}


def _knowledge(context: Context) -> Knowledge:
    """What the context tells; the reference, should there be one, is not in it."""
    has_own = any(tool.name == RESPOND for tool in context.tools)
    tools = context.tools if has_own else (*context.tools, RESPOND_TOOL)
    schema = None if context.tools else context.answer_schema
    return Knowledge(tools, context.instructions, limits=context.limits, answer_schema=schema)


def _checked_roles(roles: Mapping[str, Policy]) -> dict[RoleName, Policy]:
    checked: dict[RoleName, Policy] = {}
    known = [role for role in ROLES if role != "planner"]
    for name, policy in roles.items():
        if name == "planner":
            raise UsageError("the planner is the policy in agentflow:POLICY; the roles are the others")
        role = next((each for each in known if each == name), None)
        if role is None:
            raise UsageError(f"no role {name!r}; {did_you_mean(name, known)}")
        if policy.reads_reference:
            raise UsageError(f"the {role} must not see the reference: {policy.name} can only be the planner")
        checked[role] = policy
    return checked


def _checked(bounds: Bounds) -> Bounds:
    for name, least in (("max_turns", 1), ("max_calls_per_turn", 1), ("max_replans", 0)):
        value = getattr(bounds, name)
        if not (value is None and name == "max_turns") and (type(value) is not int or value < least):
            raise UsageError(f"{name}={value!r}: give a whole number of at least {least}")
    seconds = bounds.max_time_s
    if type(seconds) not in (int, float) or not 0 < seconds < math.inf:
        raise UsageError(f"max_time_s={seconds!r}: give a positive number of seconds")
    return bounds

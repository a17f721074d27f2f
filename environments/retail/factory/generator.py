"""The factory as a class for programs: tasks generated, saved and tested, each with a twin that waits for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any, Literal, overload

from anyio import to_thread

from agentgym.errors import DataFileError, UsageError
from agentgym.lines import Retries
from agentgym.policies.specs import asks_a_model, make_policy
from agentgym.policy import Policy
from agentgym.portal import run_sync
from agentgym.seeds import derive_seed
from environments.retail.database import RetailDB, shared_db
from environments.retail.factory.cases import cases_of
from environments.retail.factory.cli.options import spec_of
from environments.retail.factory.config import TauBenchConfig
from environments.retail.factory.envelope import Blueprint, TaskEnvelope
from environments.retail.factory.files import write_tasks
from environments.retail.factory.pipeline import TEMPLATE, PipelineConfig, TaskConfigurationPipeline
from environments.retail.factory.reporting import Report
from environments.retail.factory.tester import Plan, try_tasks
from environments.retail.world.own import own_world

Given = TaskEnvelope | Blueprint
"""A task with or without what is known of it."""
COMMITTEE = 3
ITERATIONS = 3


class TauBenchOpenAIGenerator:
    """Generates tasks of a shop, and tests models on them.

    `path` is the folder of the shop's data; without it, or where the default `envs/retail` does not exist, our own
    world plays. Who writes is `config.default_model`, or `generator`: a policy, its spec, or `template`, which needs
    no model. Without `reviewers` the committee goes by rules.
    """

    def __init__(
        self,
        path: str | Path | RetailDB | None = None,
        config: TauBenchConfig | None = None,
        *,
        generator: str | Policy | None = None,
        reviewers: Sequence[str | Policy] = (),
        committee_size: int = COMMITTEE,
        max_iterations: int = ITERATIONS,
        seed: int = 0,
    ) -> None:
        self.config = (config or TauBenchConfig()).use()
        self.db = _world(path, self.config)
        self._generator = generator if generator is not None else self.config.default_model
        self._reviewers = reviewers
        self._committee_size = committee_size
        self._max_iterations = max_iterations
        self._seed = seed
        self._calls = 0
        """How often tasks were asked for."""
        self._scenarios = Counter[str]()
        """Of the tasks that were asked for one by one."""

    @overload
    async def generate_task_with_agentflow(
        self, max_turns: int = 5, include_metadata: Literal[True] = True
    ) -> TaskEnvelope: ...
    @overload
    async def generate_task_with_agentflow(
        self, max_turns: int = 5, *, include_metadata: Literal[False]
    ) -> Blueprint: ...
    @overload
    async def generate_task_with_agentflow(self, max_turns: int = 5, include_metadata: bool = True) -> Given: ...
    async def generate_task_with_agentflow(self, max_turns: int = 5, include_metadata: bool = True) -> Given:
        """One task, planned by an agent in so many turns; of the scenario that came up least so far.

        Without metadata it is the bare task, and one that was not accepted is a UsageError.
        """
        scenario = min(self.config.scenario_keys, key=lambda key: self._scenarios[key])
        self._scenarios[scenario] += 1
        async with AsyncExitStack() as stack:
            pipeline = await self._pipeline(stack, use_agentflow=True, turns=max_turns)
            envelope = await pipeline.generate_task(scenario)
        if include_metadata:
            return envelope
        if not envelope.success:
            reasons = ", ".join(suggestion.type for suggestion in envelope.validation_report.suggestions)
            raise UsageError(f"no task was accepted: {reasons or 'see it with include_metadata=True'}")
        return envelope.task

    async def generate_diverse_tasks(self, num_tasks: int = 10, use_agentflow: bool = True) -> list[TaskEnvelope]:
        """So many tasks, each scenario as often as any other; those that were not accepted say so."""
        async with AsyncExitStack() as stack:
            pipeline = await self._pipeline(stack, use_agentflow=use_agentflow)
            tasks, _ = await pipeline.generate(num_tasks, concurrency=self.config.max_workers)
            return tasks

    async def save_tasks_to_file(self, tasks: Iterable[Given], path: str | Path) -> Path:
        """Write tasks to a file, whole or not at all."""
        entries = [task if isinstance(task, TaskEnvelope) else task.model_dump(mode="json") for task in tasks]
        await to_thread.run_sync(write_tasks, path, entries)
        return Path(path)

    async def test_tasks(
        self,
        tasks: Iterable[Given],
        model: str | Policy | None = None,
        *,
        dual_model: bool = False,
        dry_run: bool = False,
        trials: int = 1,
        folder: str | Path | None = None,
    ) -> Report:
        """Try a model on tasks; with `dual_model` the configured user model plays the customer.

        What was not accepted is left out. `folder` is a run directory, which can be gone on with.
        """
        kept = [_blueprint(task) for task in tasks if not isinstance(task, TaskEnvelope) or task.success]
        if not kept:
            raise UsageError("there is no task to test: none was accepted")
        limited = self.config.source("test_timeout") != "default"  # else the clock would count faults as failures
        async with AsyncExitStack() as stack:
            player = await self._opened(stack, model if model is not None else self.config.default_model)
            plan = Plan(
                customer=await self._opened(stack, self.config.user_model, is_user=True) if dual_model else None,
                dry_run=dry_run,
                trials=trials,
                max_seconds=self.config.test_timeout if limited else None,
            )
            return await try_tasks(
                cases_of(kept, self.db),
                player,
                self.db,
                plan=plan,
                folder=folder,
                seed=self._seed,
                concurrency=self.config.max_workers,
            )

    @overload
    def generate_task_with_agentflow_sync(
        self, max_turns: int = 5, include_metadata: Literal[True] = True
    ) -> TaskEnvelope: ...
    @overload
    def generate_task_with_agentflow_sync(
        self, max_turns: int = 5, *, include_metadata: Literal[False]
    ) -> Blueprint: ...
    @overload
    def generate_task_with_agentflow_sync(self, max_turns: int = 5, include_metadata: bool = True) -> Given: ...
    def generate_task_with_agentflow_sync(self, max_turns: int = 5, include_metadata: bool = True) -> Given:
        """`generate_task_with_agentflow`, waited for."""
        return run_sync(self.generate_task_with_agentflow(max_turns, include_metadata))

    def generate_diverse_tasks_sync(self, num_tasks: int = 10, use_agentflow: bool = True) -> list[TaskEnvelope]:
        """`generate_diverse_tasks`, waited for."""
        return run_sync(self.generate_diverse_tasks(num_tasks, use_agentflow))

    def save_tasks_to_file_sync(self, tasks: Iterable[Given], path: str | Path) -> Path:
        """`save_tasks_to_file`, waited for."""
        return run_sync(self.save_tasks_to_file(tasks, path))

    def test_tasks_sync(self, tasks: Iterable[Given], model: str | Policy | None = None, **options: Any) -> Report:
        """`test_tasks`, waited for."""
        return run_sync(self.test_tasks(tasks, model, **options))

    async def _pipeline(
        self, stack: AsyncExitStack, *, use_agentflow: bool, turns: int = 5
    ) -> TaskConfigurationPipeline:
        """A pipeline for one call, with a seed of its own."""
        self._calls += 1
        author = self._generator
        flows = use_agentflow and author != TEMPLATE
        planner = None
        if flows and isinstance(author, str):  # of a policy the pipeline makes an agent by itself
            planner = await self._opened(stack, f"agentflow:{spec_of(author)}")
        config = PipelineConfig(
            self.db,
            self._max_iterations,
            self._committee_size,
            flows,
            agentflow_turns=turns,
            generator=TEMPLATE if author == TEMPLATE else await self._opened(stack, author),
            planner=planner,
            reviewers=[await self._opened(stack, reviewer) for reviewer in self._reviewers],
            scenarios=self.config.scenario_keys,
            seed=derive_seed(self._seed, "generator", str(self._calls)),
        )
        return TaskConfigurationPipeline(config)

    async def _opened(self, stack: AsyncExitStack, given: str | Policy, *, is_user: bool = False) -> Policy:
        """A policy for one call; one that was made here is let go of after it."""
        if isinstance(given, Policy):
            return given
        return await stack.enter_async_context(aclosing(self._made(spec_of(given), is_user=is_user)))

    def _made(self, spec: str, *, is_user: bool) -> Policy:
        if not asks_a_model(spec):
            return make_policy(spec)
        config = self.config
        settings: dict[str, Any] = {
            "base_url": config.user_base_url if is_user else config.default_base_url,
            "api_key": config.secret("user_api_key" if is_user else "default_api_key"),
            "temperature": config.temperature,
            "max_tokens": config.max_tokens,
            "timeout_s": config.timeout,
            "retries": Retries(attempts=config.max_retries + 1),
        }
        return make_policy(spec, **{name: value for name, value in settings.items() if value is not None})


def _blueprint(task: Given) -> Blueprint:
    return task.task if isinstance(task, TaskEnvelope) else task


def _world(path: str | Path | RetailDB | None, config: TauBenchConfig) -> RetailDB:
    if isinstance(path, RetailDB):
        return path
    default = TauBenchConfig.model_fields["envs_path"].default
    folder = Path(config.envs_path if path is None else path)
    if not folder.exists():
        if str(folder) == default:
            return own_world()
        raise DataFileError(f"there is no {folder}; name the folder with users, orders and products.json")
    return shared_db(folder)

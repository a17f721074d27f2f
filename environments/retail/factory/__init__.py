"""The factory of retail tasks: it makes them, reviews them, tests agents on them, and tells what came of it."""

from agentgym.lazy import lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from environments.retail.database import RetailDB as RetailDB
    from environments.retail.factory.checks import check_blueprint as check_blueprint
    from environments.retail.factory.config import TauBenchConfig as TauBenchConfig
    from environments.retail.factory.envelope import Blueprint as Blueprint
    from environments.retail.factory.envelope import TaskEnvelope as TaskEnvelope
    from environments.retail.factory.files import read_tasks as read_tasks
    from environments.retail.factory.files import write_tasks as write_tasks
    from environments.retail.factory.generator import TauBenchOpenAIGenerator as TauBenchOpenAIGenerator
    from environments.retail.factory.normalise import normalize_arguments as normalize_arguments
    from environments.retail.factory.pipeline import PipelineConfig as PipelineConfig
    from environments.retail.factory.pipeline import TaskConfigurationPipeline as TaskConfigurationPipeline
    from environments.retail.factory.tester import try_tasks as try_tasks

_HOMES = {
    "environments.retail.database": ("RetailDB",),
    "environments.retail.factory.checks": ("check_blueprint",),
    "environments.retail.factory.config": ("TauBenchConfig",),
    "environments.retail.factory.envelope": ("Blueprint", "TaskEnvelope"),
    "environments.retail.factory.files": ("read_tasks", "write_tasks"),
    "environments.retail.factory.generator": ("TauBenchOpenAIGenerator",),
    "environments.retail.factory.normalise": ("normalize_arguments",),
    "environments.retail.factory.pipeline": ("PipelineConfig", "TaskConfigurationPipeline"),
    "environments.retail.factory.tester": ("try_tasks",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF]

__getattr__, __dir__ = lazily(__name__, _HOME_OF)

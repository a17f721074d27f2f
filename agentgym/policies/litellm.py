"""Models of any provider litellm knows: `litellm:anthropic/...`, `litellm:bedrock/...` and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from agentgym.policies.openai import OpenAIPolicy, ToolMode
from agentgym.prices import Price
from agentgym.transports.litellm import LiteLLMTransport


class LiteLLMPolicy(OpenAIPolicy):
    """Asks through litellm, which finds the keys of its providers in the environment."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        n: int | None = None,
        extra_body: Mapping[str, JsonValue] | None = None,
        logprobs: bool = False,
        send_seed: bool = False,
        stream: bool = False,
        tools: ToolMode = "auto",
        timeout_s: float = 600.0,
        price: Price | None = None,
        drop_params: bool = False,
    ) -> None:
        self._api_base = base_url
        options = {"api_base": base_url, "api_key": api_key, "drop_params": drop_params or None}
        super().__init__(
            model,
            base_url="http://litellm.invalid/v1",
            api_key="",
            temperature=temperature,
            max_tokens=max_tokens,
            stop=stop,
            n=n,
            extra_body=extra_body,
            logprobs=logprobs,
            send_seed=send_seed,
            stream=stream,
            tools=tools,
            timeout_s=timeout_s,
            price=price,
            transport=LiteLLMTransport(**{name: value for name, value in options.items() if value is not None}),
        )

    @property
    def name(self) -> str:
        return f"litellm:{self.model}"

    @property
    def base_url(self) -> str:
        return self._api_base or "litellm"

"""Requests that are not answered, in the words of OpenAI's errors."""

from __future__ import annotations

from agentgym.errors import UsageError
from agentgym.jsontext import dump_json


class Refusal(UsageError):
    """A request that gets an error for an answer."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.param = param
        self.code = code

    def body(self) -> bytes:
        """As clients read it."""
        told = {"message": str(self), "type": self.type, "param": self.param, "code": self.code}
        return dump_json({"error": told})


def unknown_model(asked: str, served: str) -> Refusal:
    """Of a model that is not served here."""
    message = f"The model `{asked}` does not exist; this server has `{served}`."
    return Refusal(message, status=404, param="model", code="model_not_found")


def too_long(*, limit: int, prompt: int, answer: int | None, what: str) -> Refusal:
    """Of a prompt that does not fit the model, or leaves no room for as long an answer as was asked for."""
    asked = f"your {what} resulted in {prompt} tokens"
    if answer is not None:
        asked = f"you requested {prompt + answer} tokens ({prompt} in the {what}, {answer} in the completion)"
    message = f"This model's maximum context length is {limit} tokens. However, {asked}."
    reduce = f"{message} Please reduce the length of the {what}{'' if answer is None else ' or completion'}."
    return Refusal(reduce, param=what, code="context_length_exceeded")


def broken(message: str) -> Refusal:
    """Of a fault that is the server's own."""
    return Refusal(message, status=500, type="server_error")

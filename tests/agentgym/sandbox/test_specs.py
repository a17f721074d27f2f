"""Sandbox specs: each form gives its sandbox, and every other one is refused with what to write."""

from __future__ import annotations

import pytest

from agentgym.errors import UnknownNameError, UsageError
from agentgym.sandbox import FusionSandbox, PlainSandbox, make_sandbox


def test_none_is_a_plain_process() -> None:
    sandbox = make_sandbox("none", concurrency=3)
    assert isinstance(sandbox, PlainSandbox)
    assert sandbox.isolation.level == "none"


def test_fusion_takes_its_address_from_the_spec_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_FUSION_ENDPOINT", raising=False)
    assert isinstance(make_sandbox("fusion:http://localhost:8080"), FusionSandbox)
    with pytest.raises(UsageError, match="SANDBOX_FUSION_ENDPOINT"):
        make_sandbox("fusion")
    monkeypatch.setenv("SANDBOX_FUSION_ENDPOINT", "http://localhost:8080/")
    assert make_sandbox("fusion").name == "fusion"


@pytest.mark.parametrize("spec", ["", "docker", "Local", "fusion://host"])
def test_an_unknown_kind_names_the_forms(spec: str) -> None:
    kind = UnknownNameError if not spec.startswith("fusion") else UsageError
    with pytest.raises(
        kind, match=r"local.*fusion\[:URL\].*e2b\[:TEMPLATE\].*none" if kind is UnknownNameError else "URL"
    ):
        make_sandbox(spec)


@pytest.mark.parametrize("spec", ["local:", "local:strongish", "fusion:", "e2b:", "none:weak"])
def test_a_form_that_is_wrong_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=r"write|there are"):
        make_sandbox(spec)


def test_a_setting_that_is_none_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"concurency.*did you mean 'concurrency'"):
        make_sandbox("none", concurency=3)
    with pytest.raises(UsageError, match="'url' twice"):
        make_sandbox("fusion:http://a", url="http://b")
    with pytest.raises(UsageError, match="concurrency=0"):
        make_sandbox("none", concurrency=0)

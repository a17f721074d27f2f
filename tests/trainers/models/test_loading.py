"""What a recipe names, made ready to be trained, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import MissingExtraError, UsageError
from tests.trainers.models.bases import NEW, adapted, base, learn, plain_tokenizer, recipe, with_tokens
from trainers.models.loading import computing, load_trainee
from trainers.models.saving import merge, save_trainee
from trainers.models.sources import read_tokenizer
from trainers.recipe import LoraSettings

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")
pytestmark = pytest.mark.slow


def embeddings(trainee: Any) -> Any:
    return trainee.model.get_input_embeddings().weight


def trained(trainee: Any) -> set[str]:
    """The last two parts of the names of what trains."""
    return {name for name, one in trainee.model.named_parameters() if one.requires_grad}


def test_a_whole_model_trains_in_all_its_weights(tmp_path: Path) -> None:
    trainee = load_trainee(recipe(base(tmp_path / "base"), gradient_checkpointing=True))
    assert (trainee.adapter, trainee.base, trainee.model.training) == (False, None, True)
    assert all(one.requires_grad for one in trainee.model.parameters())
    assert trainee.model.is_gradient_checkpointing
    assert trainee.model.config.use_cache is False
    losses = learn(trainee)
    assert losses[-1] < losses[0]


def test_numbers_are_those_of_the_recipe(tmp_path: Path) -> None:
    made = base(tmp_path / "base")
    lora = LoraSettings(rank=4)
    assert computing(recipe(made)) == ("bfloat16" if torch.cuda.is_available() else "float32")
    assert load_trainee(recipe(made, numbers="float16")).model.dtype == torch.float32
    assert load_trainee(recipe(made, numbers="bfloat16")).model.dtype == torch.bfloat16
    frozen = load_trainee(recipe(made, numbers="bfloat16", lora=lora, tokenizer=str(with_tokens(tmp_path / "t"))))
    assert embeddings(frozen).dtype == torch.bfloat16
    assert {one.dtype for one in frozen.model.parameters() if one.requires_grad} == {torch.float32}


@pytest.mark.parametrize("spare", [0, 1, 9])
def test_rows_grow_for_new_tokens_and_never_shrink(tmp_path: Path, spare: int) -> None:
    made = base(tmp_path / "base", spare=spare)
    known = len(plain_tokenizer())
    before = embeddings(load_trainee(recipe(made))).detach()
    trainee = load_trainee(recipe(made, tokenizer=str(with_tokens(tmp_path / "t"))))
    assert trainee.new_tokens == {NEW[0]: known, NEW[1]: known + 1}
    assert len(embeddings(trainee)) == max(known + 2, known + spare)
    assert torch.equal(embeddings(trainee)[:known], before[:known])
    fresh = embeddings(trainee)[known]
    assert float((fresh - before[:known].mean(0)).abs().max()) < 1e-2
    kept = save_trainee(trainee, tmp_path / "out")
    assert len(embeddings(load_trainee(recipe(kept)))) == len(embeddings(trainee))


def test_of_added_tokens_the_rows_train_or_all_embeddings(tmp_path: Path) -> None:
    tokenizer = str(with_tokens(tmp_path / "t"))
    for tied in (True, False):
        made = base(tmp_path / f"base-{tied}", tied=tied)
        rows = trained(load_trainee(recipe(made, tokenizer=tokenizer, lora=LoraSettings())))
        assert len([name for name in rows if "trainable_tokens_delta" in name]) == (1 if tied else 2)
        whole = LoraSettings(new_tokens="embeddings")
        every = trained(load_trainee(recipe(made, tokenizer=tokenizer, lora=whole)))
        assert len([name for name in every if "modules_to_save" in name]) == (1 if tied else 2)


def test_which_tokens_are_new_is_told_by_recipe_mark_or_tokenizer(tmp_path: Path) -> None:
    from environments.special_tokens.integrating import integrate

    integrate(str(base(tmp_path / "base")), tmp_path / "integrated")
    integrated = tmp_path / "integrated"
    named = load_trainee(recipe(integrated, lora=LoraSettings(tokens=NEW)))
    assert set(named.new_tokens) == set(NEW)
    merged = merge(save_trainee(named, tmp_path / "adapter"), tmp_path / "merged").folder
    assert set(load_trainee(recipe(merged, lora=LoraSettings())).new_tokens) == set(NEW)
    assert not load_trainee(recipe(merged, lora=LoraSettings(tokens=()))).new_tokens
    with pytest.raises(UsageError, match="agentgym tokens integrate"):
        load_trainee(recipe(base(tmp_path / "other"), lora=LoraSettings(tokens=NEW)))


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    from tests.thirdparty.tiny_checkpoint import trained_tokenizer

    trained_tokenizer(["quite another text, of quite other words"]).save_pretrained(tmp_path / "t")
    with pytest.raises(UsageError, match="does not belong to the model"):
        load_trainee(recipe(base(tmp_path / "base"), tokenizer=str(tmp_path / "t")))


def test_lora_goes_where_the_loss_sees_it(tmp_path: Path) -> None:
    made = base(tmp_path / "base", tied=False)
    with pytest.raises(UsageError, match=r"'lm_head' would not train.*past an adapter"):
        load_trainee(recipe(made, lora=LoraSettings(target_modules=("q_proj", "lm_head"))))
    with pytest.raises(UsageError, match=r"none of the modules c_attn; it has: down_proj, .*q_proj"):
        load_trainee(recipe(made, lora=LoraSettings(target_modules=("c_attn",))))
    assert not any("lm_head" in name for name in trained(load_trainee(recipe(made, lora=_every()))))
    some = load_trainee(recipe(made, lora=LoraSettings(target_modules=("q_proj", "w_of_experts"))))
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in trained(some)} == {"q_proj"}


def _every() -> LoraSettings:
    return LoraSettings(target_modules="all-linear")


def test_four_bits_need_an_adapter_a_gpu_and_a_package(tmp_path: Path) -> None:
    made = base(tmp_path / "base")
    with pytest.raises(UsageError, match=r"cannot train themselves; add the table \[lora\]"):
        load_trainee(recipe(made, quantization="4bit"))
    if not torch.cuda.is_available():
        with pytest.raises((UsageError, MissingExtraError), match="need a GPU"):
            load_trainee(recipe(made, quantization="4bit", lora=LoraSettings()))


def test_what_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--model DIR"):
        load_trainee(recipe(""))
    with pytest.raises(UsageError, match="--model DIR"):  # and not whatever lies in the present folder
        read_tokenizer("")
    with pytest.raises(UsageError, match="no such folder"):
        load_trainee(recipe(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="holds no tokenizer"):
        load_trainee(recipe(tmp_path))
    with pytest.raises(UsageError, match=r"is no folder, is not in transformers' cache, and the hub did not give it"):
        load_trainee(recipe("nobody-of-this-name/no-model-of-this-name"))
    made = base(tmp_path / "base")
    (made / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_trainee(recipe(made))
    with pytest.raises(UsageError, match="abacus"):
        load_trainee(recipe(base(tmp_path / "again"), attention="abacus"))


def test_an_adapter_goes_on_training(tmp_path: Path) -> None:
    trainee = adapted(tmp_path)
    kept = save_trainee(trainee, tmp_path / "adapter")
    more = learn(trainee, 2)
    again = load_trainee(recipe(kept))
    assert (again.adapter, again.base, again.new_tokens) == (True, str(tmp_path / "base"), trainee.new_tokens)
    assert trained(again) == trained(trainee)
    assert learn(again, 2) == pytest.approx(more, rel=1e-5)


def test_an_adapter_goes_on_as_it_was_begun(tmp_path: Path) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    with pytest.raises(UsageError, match=r"has rank 4, and the recipe says 16; write --set lora.rank=4"):
        load_trainee(recipe(kept, lora=LoraSettings()))
    with pytest.raises(UsageError, match="its own tokenizer only"):
        load_trainee(recipe(kept, tokenizer=str(tmp_path / "tokenizer")))
    assert load_trainee(recipe(kept, lora=LoraSettings(rank=4, alpha=8))).adapter


def test_trl_trains_the_rows_of_new_tokens(tmp_path: Path) -> None:
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    for tied in (True, False):
        made = base(tmp_path / f"base-{tied}", tied=tied)
        trainee = load_trainee(recipe(made, tokenizer=str(with_tokens(tmp_path / "t")), lora=LoraSettings()))
        rows = [one for name, one in trainee.model.named_parameters() if "trainable_tokens_delta" in name]
        before = [one.detach().clone() for one in rows]
        ids = trainee.tokenizer.encode("a <|AGENT|> digit <|EDIT|>")
        data = datasets.Dataset.from_list([{"input_ids": ids, "labels": ids}] * 4)
        settings = trl.SFTConfig(
            output_dir=str(tmp_path / "trl"),
            max_steps=2,
            learning_rate=1e-2,
            bf16=False,
            use_cpu=True,
            report_to="none",
            max_length=None,
            save_strategy="no",
            disable_tqdm=True,
        )
        trl.SFTTrainer(trainee.model, args=settings, train_dataset=data, processing_class=trainee.tokenizer).train()
        assert all(float((now - then).abs().min(1).values.max()) > 1e-4 for now, then in zip(rows, before, strict=True))

"""Tokens put into tokenizers of several families, made on the spot, and into small models of theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentgym.cli import Parser
from agentgym.errors import UsageError
from environments.special_tokens import cli
from environments.special_tokens.modes import AGENT, EDIT

transformers: Any = pytest.importorskip("transformers")
torch: Any = pytest.importorskip("torch")
tokenizers: Any = pytest.importorskip("tokenizers")
CORPUS = ["def explore(program): return editor", "the request gives no concrete error", "edit agent python 程序"] * 5
TOKENS = (AGENT.token, EDIT.token)


def bytelevel(folder: Path) -> int:
    """As Qwen's: bytes, and no unknown token."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    made.train_from_iterator(
        CORPUS, tokenizers.trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=special)
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    fast.save_pretrained(folder)
    return len(fast)


def llama(folder: Path) -> int:
    """As Llama's: blanks as a sign of their own, bytes for what is not known."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = tokenizers.normalizers.Sequence(
        [tokenizers.normalizers.Prepend("▁"), tokenizers.normalizers.Replace(" ", "▁")]
    )
    decoders = tokenizers.decoders
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{number:02X}>" for number in range(256))]
    made.train_from_iterator(CORPUS, tokenizers.trainers.BpeTrainer(vocab_size=400, special_tokens=special))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    fast.save_pretrained(folder)
    return len(fast)


def wordpiece(folder: Path) -> int:
    """As Bert's: lower case, and pieces of words."""
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.decoder = tokenizers.decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(CORPUS, tokenizers.trainers.WordPieceTrainer(vocab_size=120, special_tokens=special))
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]")
    fast.save_pretrained(folder)
    return len(fast)


FAMILIES: dict[str, Callable[[Path], int]] = {"bytelevel": bytelevel, "llama": llama, "wordpiece": wordpiece}
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def qwen_model(folder: Path, tokens: int, *, tied: bool) -> Any:
    """With spare rows, as Qwen's checkpoints have."""
    config = transformers.Qwen2Config(vocab_size=tokens + 61, num_key_value_heads=2, tie_word_embeddings=tied, **SIZES)
    return transformers.Qwen2ForCausalLM(config)


def llama_model(folder: Path, tokens: int, *, tied: bool) -> Any:
    config = transformers.LlamaConfig(vocab_size=tokens, num_key_value_heads=2, tie_word_embeddings=tied, **SIZES)
    return transformers.LlamaForCausalLM(config)


def bert_model(folder: Path, tokens: int, *, tied: bool) -> Any:
    config = transformers.BertConfig(vocab_size=tokens, tie_word_embeddings=tied, **SIZES)
    return transformers.BertForMaskedLM(config)


MODELS = {"bytelevel": qwen_model, "llama": llama_model, "wordpiece": bert_model}


def integrate(source: Path, out: Path, *words: str) -> dict[str, Any]:
    """`agentgym tokens integrate`, and the task file it wrote."""
    parser = Parser(prog="agentgym tokens")
    cli.configure(parser)
    given = ["integrate", "--model", str(source), "--out", str(out), "--tasks", str(out / "tasks.json"), *words]
    assert cli.run(parser.parse_args(given)) == 0
    report: dict[str, Any] = json.loads((out / "tasks.json").read_text())
    return report


@pytest.mark.parametrize("family", FAMILIES)
def test_each_token_has_one_id_that_stays(family: str, tmp_path: Path) -> None:
    size = FAMILIES[family](tmp_path / "old")
    report = integrate(tmp_path / "old", tmp_path / "new")
    assert report["special_tokens"] == [
        {"token": AGENT.token, "id": size},
        {"token": EDIT.token, "id": size + 1},
    ]
    before = transformers.AutoTokenizer.from_pretrained(tmp_path / "old")
    after = transformers.AutoTokenizer.from_pretrained(tmp_path / "new")
    assert {token: after.get_vocab()[token] for token in before.get_vocab()} == before.get_vocab()
    assert len(after) == size + 2
    assert after.init_kwargs["new_tokens"] == sorted(TOKENS), "an adapter's trainer learns here what is new"
    for text in ("x<|EDIT|>y", "<|AGENT|><|EDIT|>", "\n<|EDIT|>\n", "edit the program <|AGENT|> again"):
        ids = after.encode(text, add_special_tokens=False)
        assert [number for number in ids if number >= size] == [
            size + TOKENS.index(token) for token in TOKENS if token in text
        ]
    for task in report["tasks"]:
        assert sum(number >= size for number in task["token_ids"]) == sum(task["text"].count(one) for one in TOKENS)
        assert [one in task["decoded_text"] for one in TOKENS] == [one in task["text"] for one in TOKENS]
        if family == "bytelevel":
            assert task["decoded_text"] == task["text"]
        elif family == "llama":  # puts a blank at the beginning of what stands between tokens
            assert task["decoded_text"].replace(" ", "") == task["text"].replace(" ", "")
    plain = "edit the program"
    assert after.encode(plain) == before.encode(plain)


@pytest.mark.parametrize("family", FAMILIES)
def test_adding_them_again_changes_nothing(family: str, tmp_path: Path) -> None:
    FAMILIES[family](tmp_path / "old")
    first = integrate(tmp_path / "old", tmp_path / "new")
    assert integrate(tmp_path / "new", tmp_path / "again") == first


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_gets_rows_and_keeps_the_others(family: str, tied: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    size = FAMILIES[family](tmp_path / "old")
    model = MODELS[family](tmp_path / "old", size, tied=tied)
    model.save_pretrained(tmp_path / "old")
    rows = model.get_input_embeddings().weight.shape[0]
    integrate(tmp_path / "old", tmp_path / "new")
    loaded = type(model).from_pretrained(tmp_path / "new")
    before, after = model.get_input_embeddings().weight, loaded.get_input_embeddings().weight
    assert after.shape[0] == max(rows, size + 2)
    assert torch.equal(after[:size], before[:size])
    assert not torch.equal(after[size], after[size + 1])
    assert after[size : size + 2].norm(dim=1).max() < before[:size].norm(dim=1).max()
    if rows > size + 2:
        assert torch.equal(after[size + 2 :], before[size + 2 :])
    head = loaded.get_output_embeddings().weight
    assert (head.data_ptr() == after.data_ptr()) is tied
    assert torch.equal(head[:size], model.get_output_embeddings().weight[:size])
    assert head.shape == after.shape
    assert loaded.config.vocab_size == after.shape[0]
    logits = loaded(torch.tensor([[size, size + 1, 3]])).logits
    assert logits.shape[-1] == after.shape[0]
    assert torch.isfinite(logits).all()


def test_new_rows_begin_at_the_mean_of_related_ones(tmp_path: Path) -> None:
    from environments.special_tokens.integrating import related_ids

    size = bytelevel(tmp_path / "old")
    model = qwen_model(tmp_path / "old", size, tied=False)
    model.save_pretrained(tmp_path / "old")
    integrate(tmp_path / "old", tmp_path / "new")
    loaded = type(model).from_pretrained(tmp_path / "new")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "old")
    for place, mode in ((size, AGENT), (size + 1, EDIT)):
        for made in (loaded.get_input_embeddings().weight, loaded.get_output_embeddings().weight):
            assert torch.allclose(made[place], made[related_ids(tokenizer, mode)].mean(dim=0), atol=1e-6)


def test_what_cannot_be_loaded_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="cannot be loaded"):
        integrate(tmp_path / "empty", tmp_path / "new")

"""Tiny checkpoints that have learnt nothing, and tokenizers with tokens that they do not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.trainers.engine.tiny import fresh, save
from trainers.models.loading import Trainee, load_trainee
from trainers.recipe import LoraSettings, Recipe

NEW = ("<|AGENT|>", "<|EDIT|>")
TEXT = "Guess <|AGENT|> a digit <|EDIT|> with the tool."


def plain_tokenizer() -> Any:
    from tests.thirdparty.tiny_checkpoint import answers, games, trained_tokenizer

    return trained_tokenizer([*games(), *answers()])


def base(folder: Path, *, tied: bool = True, spare: int = 0, **sizes: Any) -> Path:
    """A model, with rows beyond its tokenizer's tokens where some are spare."""
    tokenizer = plain_tokenizer()
    model = fresh(tokenizer, seed=0, tie_word_embeddings=tied, vocab_size=len(tokenizer) + spare, **sizes)
    return save(folder, model, tokenizer)


def with_tokens(folder: Path, *tokens: str) -> Path:
    """A tokenizer alone, with more tokens."""
    from tokenizers import AddedToken

    tokenizer = plain_tokenizer()
    made = [AddedToken(token, special=True, normalized=False) for token in tokens or NEW]
    tokenizer.add_tokens(made, special_tokens=True)
    tokenizer.save_pretrained(folder)
    return folder


def recipe(model: Path | str, **more: Any) -> Recipe:
    return Recipe(stage="sft", model=str(model), **more)


def adapted(root: Path, *, tied: bool = True, spare: int = 0, how: str = "rows", **lora: Any) -> Trainee:
    """An adapter that has learnt a little, on `root/base`."""
    made = base(root / "base", tied=tied, spare=spare)
    settings = LoraSettings.model_validate({"new_tokens": how, "rank": 4, "alpha": 8, **lora})
    trainee = load_trainee(recipe(made, tokenizer=str(with_tokens(root / "tokenizer")), lora=settings))
    learn(trainee)
    return trainee


def learn(trainee: Trainee, steps: int = 3) -> list[float]:
    """A few steps on one text, and the loss of each."""
    import torch

    torch.manual_seed(0)
    trainee.model.train()
    optimizer = torch.optim.AdamW([one for one in trainee.model.parameters() if one.requires_grad], lr=1e-2)
    losses = []
    for _ in range(steps):
        ids = said_ids(trainee)
        loss = trainee.model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def said_ids(trainee: Trainee) -> Any:
    import torch

    return torch.tensor([trainee.tokenizer.encode(TEXT)])


def says(model: Any, ids: Any) -> Any:
    import torch

    model.eval()
    with torch.no_grad():
        return model(input_ids=ids).logits


def apart(one: Any, other: Any) -> float:
    """Relative to the largest figure."""
    return float((one - other).abs().max() / other.abs().max())

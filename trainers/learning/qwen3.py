"""Qwen3's logits where they are asked for, in fewer and larger operations; importing this needs torch.

A tiny model on a CPU spends most of an update on the small operations of its norms and rotations, one after another
and again backwards, and on tokens of its last layer that nothing is asked of. The modules stay the library's own, and
so do their weights; only the order of the work is ours.
"""

from __future__ import annotations

from typing import Any

from agentgym.extras import require

torch: Any = require("torch")
_functional = torch.nn.functional


def fits(model: Any) -> bool:
    """Whether `logits_at` gives what the model's own forward does, sooner."""
    kind = type(model)
    if (kind.__module__, kind.__name__) != ("transformers.models.qwen3.modeling_qwen3", "Qwen3ForCausalLM"):
        return False
    config = model.config
    attention = config._attn_implementation == "sdpa" and set(config.layer_types) == {"full_attention"}
    exact = model.dtype == torch.float32 and not config.attention_dropout
    checkpointing = getattr(model.model, "gradient_checkpointing", False)
    return attention and exact and not checkpointing and model.device.type == "cpu"


def logits_at(model: Any, input_ids: Any, places: Any) -> Any:
    """The logits at these places of all tokens, counted row by row; what is padded must lie at the right."""
    inner = model.model
    rows, length = input_ids.shape
    hidden = inner.embed_tokens(input_ids).flatten(0, 1)
    angles = _angles(inner, hidden, length)
    for layer in inner.layers:
        attended = _attention(layer.self_attn, _normed(layer.input_layernorm, hidden), angles, (rows, length))
        if layer is inner.layers[-1]:
            attended, hidden = attended.index_select(0, places), hidden.index_select(0, places)
        hidden = hidden + layer.self_attn.o_proj(attended)
        hidden = hidden + layer.mlp(_normed(layer.post_attention_layernorm, hidden))
    return model.lm_head(_normed(inner.norm, hidden))


def _attention(module: Any, hidden: Any, angles: tuple[Any, Any], shape: tuple[int, int]) -> Any:
    """What each token takes from those before it and from itself, before it is projected: [tokens, width]."""

    def heads(projected: Any) -> Any:
        return projected.view(*shape, -1, module.head_dim)

    queries = _Turned.apply(_normed(module.q_norm, heads(module.q_proj(hidden))), *angles)
    keys = _Turned.apply(_normed(module.k_norm, heads(module.k_proj(hidden))), *angles)
    taken = _functional.scaled_dot_product_attention(
        queries.transpose(1, 2),
        keys.transpose(1, 2),
        heads(module.v_proj(hidden)).transpose(1, 2),
        is_causal=True,
        scale=module.scaling,
        enable_gqa=module.num_key_value_groups > 1,
    )
    return taken.transpose(1, 2).reshape(len(hidden), -1)


def _angles(inner: Any, hidden: Any, length: int) -> tuple[Any, Any]:
    """Cosine and sine by position; the sine of the first half negative, as a rotation needs it."""
    places = torch.arange(length, device=hidden.device).unsqueeze(0)
    cosine, sine = (each.view(length, 1, -1) for each in inner.rotary_emb(hidden, places))
    half = sine.shape[-1] // 2
    return cosine, torch.cat((-sine[..., :half], sine[..., half:]), dim=-1)


def _normed(module: Any, hidden: Any) -> Any:
    return _Normed.apply(hidden, module.weight, module.variance_epsilon)


class _Normed(torch.autograd.Function):  # type: ignore[misc]  # of a package without types here
    """Divided by the root of the mean square (`even`), and weighted."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, epsilon: float) -> Any:
        length = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        scale = length.square_().div_(hidden.shape[-1]).add_(epsilon).rsqrt_()
        even = hidden * scale
        ctx.save_for_backward(even, scale, weight)
        return even * weight

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, Any, None]:
        even, scale, weight = ctx.saved_tensors
        width = even.shape[-1]
        weighting = (gradient * even).view(-1, width)
        longer = (weighting @ weight).div_(-width).view(scale.shape)  # what would only change the length is taken out
        return (gradient * weight).addcmul_(even, longer).mul_(scale), weighting.sum(0), None


class _Turned(torch.autograd.Function):  # type: ignore[misc]
    """Rotated by position: the first half of a head's numbers against the second, by the same angles; and back."""

    @staticmethod
    def forward(ctx: Any, heads: Any, cosine: Any, sine: Any) -> Any:
        ctx.save_for_backward(cosine, sine)
        return _turned(heads, cosine, sine, 1)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, None, None]:
        cosine, sine = ctx.saved_tensors
        return _turned(gradient, cosine, sine, -1), None, None


def _turned(heads: Any, cosine: Any, sine: Any, way: int) -> Any:
    return (heads * cosine).addcmul_(heads.roll(heads.shape[-1] // 2, -1), sine, value=way)

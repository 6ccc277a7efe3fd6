"""A compact Llama: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embeddings.

Module names equal those of a Hugging Face Llama checkpoint, so exporting is a plain copy.
Shapes: x [batch, positions, hidden]; q [batch, heads, positions, head_dim].
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the network; the field names are those of config.json."""

    vocab_size: int = 4096
    hidden_size: int = 512
    num_hidden_layers: int = 4
    num_attention_heads: int = 8
    num_key_value_heads: int = 2
    head_dim: int = 64
    intermediate_size: int = 1024
    max_position_embeddings: int = 1024
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5

    def to_dict(self) -> dict[str, int | float]:
        """Returns the fields by name."""
        return asdict(self)


class RMSNorm(nn.Module):
    """x / rms(x) * weight, over the last axis."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.eps)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns each pair (x[i], x[i + head_dim / 2]) by its angle; cos, sin [positions, dim / 2]."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Attention(nn.Module):
    """Causal self-attention with fewer key-value heads than query heads."""

    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        self.c = c
        query, shared = c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim
        self.q_proj = nn.Linear(c.hidden_size, query, bias=False)
        self.k_proj = nn.Linear(c.hidden_size, shared, bias=False)
        self.v_proj = nn.Linear(c.hidden_size, shared, bias=False)
        self.o_proj = nn.Linear(query, c.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, _ = x.shape
        c = self.c

        def split(y: Tensor, heads: int) -> Tensor:
            return y.view(batch, length, heads, c.head_dim).transpose(1, 2)

        groups = c.num_attention_heads // c.num_key_value_heads
        q = rotate(split(self.q_proj(x), c.num_attention_heads), cos, sin)
        k = rotate(split(self.k_proj(x), c.num_key_value_heads), cos, sin)
        v = split(self.v_proj(x), c.num_key_value_heads)
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, -1))


class Mlp(nn.Module):
    """down(silu(gate(x)) * up(x))."""

    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.up_proj = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.down_proj = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention, then MLP, each on the normed stream and added to it."""

    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = Mlp(c)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """The language model; the output matrix is the embedding."""

    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        self.config = c
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        exponent = torch.arange(0, c.head_dim, 2, dtype=torch.float64) / c.head_dim
        positions = torch.arange(c.max_position_embeddings, dtype=torch.float64)
        angles = torch.outer(positions, c.rope_theta**-exponent)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        """Normal weights of deviation 0.02; smaller where a layer writes to the stream."""
        deep = 0.02 / (2 * self.config.num_hidden_layers) ** 0.5
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=deep if "o_proj" in name or "down" in name else 0.02)

    def forward(self, tokens: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns logits [batch, positions, vocab] for tokens [batch, positions]."""
        length = tokens.shape[1]
        cos, sin = self.cos[:length].to(dtype), self.sin[:length].to(dtype)
        x = self.embed_tokens(tokens).to(dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return F.linear(self.norm(x), self.embed_tokens.weight)

    def loss(self, tokens: Tensor, targets: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns the mean cross-entropy in nats."""
        logits = self.forward(tokens, dtype)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

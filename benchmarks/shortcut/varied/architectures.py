"""A residual and a transformer network for small images, each with a linear head."""

import torch
from torch import nn

from benchmarks.shortcut.varied.images import SIZE

N_CHANNELS = 16
PATCH = 4
N_TOKENS = (SIZE // PATCH) ** 2
N_TRANSFORMER = 48
N_ATTENTION_HEADS = 4
N_LAYERS = 2


class _ResidualBlock(nn.Module):
    def __init__(self, n_inputs: int, n_outputs: int, stride: int):
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(n_inputs, n_outputs, 3, stride, padding=1),
            nn.GroupNorm(4, n_outputs),
            nn.ReLU(),
            nn.Conv2d(n_outputs, n_outputs, 3, padding=1),
            nn.GroupNorm(4, n_outputs),
        )
        self.shortcut = nn.Conv2d(n_inputs, n_outputs, 1, stride)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.shortcut(images) + self.change(images))


def make_residual() -> nn.Sequential:
    """Three residual blocks, averaged over positions: 48 features."""
    return nn.Sequential(
        nn.Conv2d(1, N_CHANNELS, 3, 2, padding=1),
        nn.ReLU(),
        _ResidualBlock(N_CHANNELS, N_CHANNELS, 1),
        _ResidualBlock(N_CHANNELS, 2 * N_CHANNELS, 2),
        _ResidualBlock(2 * N_CHANNELS, 3 * N_CHANNELS, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


class _Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Conv2d(1, N_TRANSFORMER, PATCH, PATCH)
        self.positions = nn.Parameter(0.1 * torch.randn(N_TOKENS, N_TRANSFORMER))
        layer = nn.TransformerEncoderLayer(
            N_TRANSFORMER,
            N_ATTENTION_HEADS,
            dim_feedforward=2 * N_TRANSFORMER,
            dropout=0.0,
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(
            layer, N_LAYERS, nn.LayerNorm(N_TRANSFORMER), enable_nested_tensor=False
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.tokens(images).flatten(2).transpose(1, 2)
        return self.layers(tokens + self.positions).mean(dim=1)


class Network(nn.Module):
    """Features of one of the two architectures, and a linear head on them."""

    def __init__(self, architecture: str, n_outputs: int):
        super().__init__()
        if architecture == "residual":
            self.embed, n_features = make_residual(), 3 * N_CHANNELS
        else:
            self.embed, n_features = _Transformer(), N_TRANSFORMER
        self.head = nn.Linear(n_features, n_outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Outputs of the head."""
        return self.head(self.embed(images))

"""Layers that do more than a plain linear one; imported only where torch is there."""

import torch
from torch import nn
from torch.nn import functional


class MergingLinear(nn.Linear):
    """Factors of an adapter, which evaluation mode merges into the weight."""

    def __init__(self, *sizes, rank=2):
        super().__init__(*sizes)
        self.lora_A = nn.Parameter(torch.randn(rank, self.in_features))
        self.lora_B = nn.Parameter(torch.randn(self.out_features, rank))
        self.weight.requires_grad_(False)
        self.scaling, self.merged = 0.3, False

    def train(self, mode=True):
        super().train(mode)
        if self.merged == mode:
            sign = -1 if mode else 1
            self.weight.data += sign * self.scaling * (self.lora_B @ self.lora_A)
            self.merged = not mode
        return self

    def forward(self, rows):
        outputs = functional.linear(rows, self.weight, self.bias)
        if not self.merged:
            outputs = outputs + self.scaling * rows @ self.lora_A.T @ self.lora_B.T
        return outputs


class Wrapped(nn.Module):
    """An adapter around a layer, with linear layers as its factors, as peft has it."""

    def __init__(self, base, rank=2):
        super().__init__()
        self.base_layer = base
        self.in_features, self.out_features = base.in_features, base.out_features
        down = nn.Linear(base.in_features, rank, bias=False)
        self.lora_A = nn.ModuleDict({"default": down})
        up = nn.Linear(rank, base.out_features, bias=False)
        self.lora_B = nn.ModuleDict({"default": up})

    def forward(self, rows):
        return self.base_layer(rows) + 0.5 * self.lora_B["default"](
            self.lora_A["default"](rows)
        )


class Beside(nn.Module):
    """An adapter beside a layer, as it is written by hand."""

    def __init__(self, base, rank=2):
        super().__init__()
        self.linear = base
        self.lora_A = nn.Linear(base.in_features, rank, bias=False)
        self.lora_B = nn.Linear(rank, base.out_features, bias=False)

    def forward(self, rows):
        return self.linear(rows) + self.lora_B(self.lora_A(rows))


class Replaced(nn.Module):
    """A layer and the trained one in its place."""

    def __init__(self, base):
        super().__init__()
        self.original_module = base
        new = nn.Linear(base.in_features, base.out_features)
        self.modules_to_save = nn.ModuleDict({"default": new})

    def forward(self, rows):
        return self.modules_to_save["default"](rows)


class Cosine(nn.Linear):
    """Cosines with centres of classes."""

    def forward(self, rows):
        rows, centres = map(functional.normalize, (rows, self.weight))
        return 16 * functional.linear(rows, centres)


class Capped(nn.Linear):
    """Outputs that cannot exceed 30, almost linear near zero."""

    def forward(self, rows):
        return 30 * torch.tanh(super().forward(rows) / 30)


class Single(nn.Linear):
    """Computes in single precision whatever it gets, and gives a vector."""

    def forward(self, rows):
        return functional.linear(rows.float(), self.weight, self.bias)[:, 0]

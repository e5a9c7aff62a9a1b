"""CCNN (Knigge et al. 2023, arXiv 2301.10540; github.com/david-knigge/ccnn) with `S4` blocks, normalising first."""

import torch.nn.functional as F
from torch import Tensor, nn

from .flexconv import SeparableFlexConv


class CcnnBlock(nn.Module):
    """gelu(linear(drop(gelu(conv(norm x))))) + x, on `[batch, hidden, …]`."""

    def __init__(self, axes: int, hidden: int, dropout: float, conv: dict) -> None:
        super().__init__()
        self.norm1 = (nn.BatchNorm1d if axes == 1 else nn.BatchNorm2d)(hidden)
        self.conv1 = SeparableFlexConv(axes, hidden, hidden, **conv)
        # Whole channels are dropped.
        self.dropout = (nn.Dropout1d if axes == 1 else nn.Dropout2d)(dropout)
        self.linear1 = (nn.Conv1d if axes == 1 else nn.Conv2d)(hidden, hidden, 1)
        nn.init.kaiming_normal_(self.linear1.weight)
        nn.init.zeros_(self.linear1.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = F.gelu(self.conv1(self.norm1(x)))
        return F.gelu(self.linear1(self.dropout(h))) + x


class Ccnn(nn.Module):
    """`[batch, inputs, …]` to `[batch, classes]`; `conv` holds the settings of `SeparableFlexConv`."""

    def __init__(
        self, axes: int, inputs: int, classes: int, *, hidden: int, blocks: int, dropout: float, **conv
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm1d if axes == 1 else nn.BatchNorm2d
        self.conv1 = SeparableFlexConv(axes, inputs, hidden, **conv)
        self.norm1 = norm(hidden)
        self.blocks = nn.ModuleList(CcnnBlock(axes, hidden, dropout, conv) for _ in range(blocks))
        self.out_norm = norm(hidden)
        self.out_layer = nn.Linear(hidden, classes)
        nn.init.kaiming_normal_(self.out_layer.weight)
        nn.init.zeros_(self.out_layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norm1(self.conv1(x)))
        for block in self.blocks:
            x = block(x)
        return self.out_layer(self.out_norm(x).flatten(2).mean(-1))

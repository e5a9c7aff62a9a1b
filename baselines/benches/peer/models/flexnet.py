"""FlexNet and FlexTCN (Romero et al. 2022, arXiv 2110.08059; github.com/rjbruin/flexconv)."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .flexconv import FlexConv


class FlexBlock(nn.Module):
    """Two FlexConvs with batch normalisation and a shortcut, on images or sequences.

    Images: relu(norm2(conv2(drop(relu(norm1(conv1 x))))) + shortcut(x)); sequences apply relu and dropout to the second
    convolution too, before the sum.
    """

    def __init__(self, axes: int, inputs: int, outputs: int, dropout: float, conv: dict) -> None:
        super().__init__()
        norm = nn.BatchNorm1d if axes == 1 else nn.BatchNorm2d
        self.sequences = axes == 1
        self.conv1 = FlexConv(axes, inputs, outputs, **conv)
        self.conv2 = FlexConv(axes, outputs, outputs, **conv)
        self.norm1, self.norm2 = norm(outputs), norm(outputs)
        self.dropout = nn.Dropout(dropout)
        pointwise = nn.Conv1d if axes == 1 else nn.Conv2d
        self.shortcut = pointwise(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.dropout(F.relu(self.norm1(self.conv1(x))))
        h = self.norm2(self.conv2(h))
        if self.sequences:
            h = self.dropout(F.relu(h))
        return F.relu(h + self.shortcut(x))


class FlexNet(nn.Module):
    """Images `[batch, inputs, height, width]` to `[batch, classes]`; `widths` are those of the blocks."""

    def __init__(
        self, inputs: int, classes: int, *, hidden: int, widths: Sequence[int], dropout: float, **conv
    ) -> None:
        super().__init__()
        self.conv1 = FlexConv(2, inputs, hidden, **conv)
        self.norm1 = nn.BatchNorm2d(hidden)
        self.blocks = nn.Sequential(
            *(FlexBlock(2, before, after, dropout, conv) for before, after in zip([hidden, *widths], widths))
        )
        self.out_layer = nn.Linear(widths[-1], classes)
        nn.init.kaiming_normal_(self.out_layer.weight)
        nn.init.zeros_(self.out_layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return self.out_layer(self.blocks(x).mean((2, 3)))


class FlexTcn(nn.Module):
    """Sequences `[batch, inputs, length]` to `[batch, classes]`, read out at the last step."""

    def __init__(self, inputs: int, classes: int, *, hidden: int, blocks: int, dropout: float, **conv) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(FlexBlock(1, inputs if i == 0 else hidden, hidden, dropout, conv) for i in range(blocks))
        )
        self.out_layer = nn.Linear(hidden, classes)
        nn.init.normal_(self.out_layer.weight, 0, 0.01)
        nn.init.zeros_(self.out_layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_layer(self.blocks(x)[..., -1])

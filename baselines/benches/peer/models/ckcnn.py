"""CKCNN (Romero et al. 2022, arXiv 2102.02611; github.com/dwromero/ckconv): causal kernels as long as the sequence."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import dense_causal
from .kernel_networks import Siren


class CkConv(nn.Module):
    """`[batch, inputs, length]` to `[batch, outputs, length]`."""

    def __init__(self, inputs: int, outputs: int, length: int, kernel_hidden: int, omega_0: float, pairs: bool) -> None:
        super().__init__()
        self.inputs, self.outputs, self.pairs = inputs, outputs, pairs
        self.kernel = Siren(kernel_hidden, inputs * outputs, omega_0)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("positions", torch.linspace(-1, 1, length).unsqueeze(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel(self.positions).view(self.outputs, self.inputs, -1)
        return dense_causal(x, kernel, self.bias, fft=True, pairs=self.pairs)


class CkBlock(nn.Module):
    """relu(drop(relu(norm2(conv2(drop(relu(norm1(conv1 x))))))) + shortcut(x))."""

    def __init__(
        self, inputs: int, hidden: int, length: int, kernel_hidden: int, omega_0: float, dropout: float, pairs: bool
    ) -> None:
        super().__init__()
        self.conv1 = CkConv(inputs, hidden, length, kernel_hidden, omega_0, pairs)
        self.conv2 = CkConv(hidden, hidden, length, kernel_hidden, omega_0, pairs)
        self.norm1 = nn.GroupNorm(1, hidden, eps=1e-12)
        self.norm2 = nn.GroupNorm(1, hidden, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Conv1d(inputs, hidden, 1) if inputs != hidden else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.dropout(F.relu(self.norm1(self.conv1(x))))
        h = self.dropout(F.relu(self.norm2(self.conv2(h))))
        return F.relu(h + self.shortcut(x))


class Ckcnn(nn.Module):
    """`[batch, inputs, length]` to `[batch, classes]`, read out at the last step.

    `pairs` convolves in the slower formulation of the original program.
    """

    def __init__(
        self,
        inputs: int,
        classes: int,
        *,
        hidden: int,
        blocks: int,
        length: int,
        kernel_hidden: int,
        omega_0: float,
        dropout: float,
        pairs: bool = False,
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                CkBlock(inputs if i == 0 else hidden, hidden, length, kernel_hidden, omega_0, dropout, pairs)
                for i in range(blocks)
            )
        )
        self.out_layer = nn.Linear(hidden, classes)
        nn.init.normal_(self.out_layer.weight, 0, 0.01)
        nn.init.zeros_(self.out_layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_layer(self.blocks(x)[..., -1])

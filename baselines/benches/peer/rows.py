"""The rows of the comparison: what is built, on which inputs, trained how.

The settings are those of `experiments/speed.yaml`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from models.ccnn import Ccnn
from models.ckcnn import Ckcnn
from models.flexnet import FlexNet
from models.recurrent import CharacterModel, Recurrent
from models.resnet import ResNet18
from models.state_space import StateSpaceNetwork


@dataclass(frozen=True)
class Row:
    """A network and the batches that it is trained on; one output means two classes and a binary cross-entropy."""

    build: Callable[[], nn.Module]
    batch: int
    shape: tuple[int, ...]
    outputs: int
    #: Factors on the learning rate by a part of parameters' names.
    rate_factors: tuple[tuple[str, float], ...] = ()
    #: Whether inputs are tokens and the next one is predicted at every step; `outputs` is their number then.
    tokens: bool = False


#: Sequential MNIST, Pathfinder as sequences, Pathfinder as images: shape of a sample and outputs.
SMNIST, PATHFINDER_1D, PATHFINDER_2D = ((1, 784), 10), ((1, 1024), 1), ((1, 32, 32), 1)


def ccnn(task: tuple, kernel_size: int, omega_0: float, mask_init: float, dropout: float) -> Row:
    """CCNN-4,140."""
    shape, outputs = task
    axes = len(shape) - 1
    return Row(
        lambda: Ccnn(
            axes,
            1,
            outputs,
            hidden=140,
            blocks=4,
            dropout=dropout,
            size=kernel_size,
            causal=axes == 1,
            kernel_hidden=32,
            omega_0=omega_0,
            mask_init=mask_init,
        ),
        16,
        shape,
        outputs,
    )


def ckcnn(pairs: bool = False) -> Row:
    """CKCNN of 2 blocks of 30 channels."""
    shape, outputs = SMNIST
    return Row(
        lambda: Ckcnn(
            1,
            outputs,
            hidden=30,
            blocks=2,
            length=784,
            kernel_hidden=32,
            omega_0=31.09195739463897,
            dropout=0.1,
            pairs=pairs,
        ),
        64,
        shape,
        outputs,
    )


def flexnet() -> Row:
    """FlexNet-7."""
    shape, outputs = PATHFINDER_2D
    return Row(
        lambda: FlexNet(
            1,
            outputs,
            hidden=24,
            widths=[24, 24, 36, 36, 36, 48, 48],
            dropout=0.2,
            size=33,
            kernel_hidden=32,
            mask_init=0.075,
            fft=False,
        ),
        16,
        shape,
        outputs,
        (("mask_params", 0.1),),
    )


def state_space(variant: str) -> Row:
    """S4 or S4D of 6 layers of 128 channels of 64 states."""
    shape, outputs = PATHFINDER_1D
    return Row(
        lambda: StateSpaceNetwork(
            variant, 1, outputs, 1024, hidden=128, layers=6, states=64, dropout=0.1, prenorm=False
        ),
        8,
        shape,
        outputs,
    )


def recurrent(cell: str) -> Row:
    """One layer of 128 hidden units."""
    shape, outputs = SMNIST
    return Row(lambda: Recurrent(cell, 1, outputs, hidden=128), 64, shape, outputs)


def characters(cell: str) -> Row:
    """One layer of 128 hidden units that predicts the next character: gradients enter at every step."""
    return Row(lambda: CharacterModel(cell, 66, hidden=128, embedding=64), 64, (784,), 66, tokens=True)


ROWS: dict[str, Row] = {
    "ccnn-1d": ccnn(SMNIST, 784, 2976.49, 0.075, 0.1),
    "ccnn-pathfinder": ccnn(PATHFINDER_1D, 1024, 2272.557, 0.4, 0.2),
    "ccnn-2d": ccnn(PATHFINDER_2D, 33, 1239.138, 0.225, 0.1),
    "ckcnn": ckcnn(),
    "flexnet": flexnet(),
    "s4d": state_space("s4d"),
    "s4": state_space("s4"),
    "lstm": recurrent("lstm"),
    "gru": recurrent("gru"),
    "rnn": recurrent("rnn"),
    "resnet18": Row(lambda: ResNet18(1, 1), 16, PATHFINDER_2D[0], PATHFINDER_2D[1]),
    # With a mask of 5 × 5 taps at the start, as the original program was timed.
    "ccnn-2d-narrow": ccnn(PATHFINDER_2D, 33, 1239.138, 0.075, 0.1),
    # The same models in another formulation: CKCNN slower, as the original program has it, S4 faster.
    "ckcnn-pairs": ckcnn(pairs=True),
    "s4-matmul": state_space("s4-matmul"),
    # Recurrences with a loss at every step instead of the last.
    "lstm-steps": characters("lstm"),
    "gru-steps": characters("gru"),
    "rnn-steps": characters("rnn"),
}

"""Long convolutions of sequences, directly or by FFT."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

#: Kernels with more taps than this are applied by FFT (the threshold of the original CCNN and FlexNet programs).
DIRECT_TAPS = 50


@cache
def good_size(at_least: int) -> int:
    """The smallest even number not below `at_least` without prime factors above 7, for which FFTs are fast."""
    size = at_least + at_least % 2
    while True:
        rest = size
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 2


def depthwise(x: Tensor, kernel: Tensor, causal: bool, fft: bool = True) -> Tensor:
    """Cross-correlate every channel of `x` `[batch, channels, length]` with its row of `kernel` `[channels, taps]`.

    A causal output sees the inputs up to its own position, which meets the last tap; otherwise the kernel is centred.
    """
    channels, taps = kernel.shape
    length = x.shape[-1]
    if fft and taps > DIRECT_TAPS:
        size = good_size(length + taps - 1)
        spectrum = torch.fft.rfft(x, size) * torch.fft.rfft(kernel.flip(-1), size)
        start = 0 if causal else (taps - 1) // 2
        return torch.fft.irfft(spectrum, size)[..., start : start + length]
    if causal:
        x = F.pad(x, (taps - 1, 0))
        return F.conv1d(x, kernel.unsqueeze(1), groups=channels)
    return F.conv1d(x, kernel.unsqueeze(1), padding=taps // 2, groups=channels)


def dense_causal(x: Tensor, kernel: Tensor, bias: Tensor, fft: bool, pairs: bool = False) -> Tensor:
    """Causal cross-correlation of `x` `[batch, in, length]` with `kernel` `[out, in, taps]`, plus `bias` `[out]`.

    `pairs` sums spectra over inputs as the original programs do, by making the products of all pairs first.
    """
    length, taps = x.shape[-1], kernel.shape[-1]
    if not fft:
        return F.conv1d(F.pad(x, (taps - 1, 0)), kernel, bias)
    size = good_size(length + taps - 1)
    x_spectrum = torch.fft.rfft(x, size)
    kernel_spectrum = torch.fft.rfft(kernel.flip(-1), size)
    if pairs:
        spectrum = (x_spectrum.unsqueeze(1) * kernel_spectrum.unsqueeze(0)).sum(2)
    else:
        # One matrix product per frequency, on contiguous operands: several times faster and smaller than the products
        # of all pairs, and twice as fast as `einsum`.
        product = x_spectrum.permute(2, 0, 1).contiguous() @ kernel_spectrum.permute(2, 1, 0).contiguous()
        spectrum = product.permute(1, 2, 0)
    return torch.fft.irfft(spectrum, size)[..., :length] + bias.unsqueeze(-1)

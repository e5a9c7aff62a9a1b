"""S4 and S4D (Gu et al. 2022, arXiv 2111.00396 and 2206.11893; github.com/state-spaces/s4).

`Diagonal` is the kernel of the program's minimal S4D, `DiagonalPlusLowRank` that of S4 without its extensions.
State spaces keep one of each pair of conjugate states: `half` = N / 2.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEP_RANGE = (0.001, 0.1)


def random_log_steps(channels: int) -> Tensor:
    """Logarithms of step sizes, uniform between those of `STEP_RANGE`."""
    low, high = map(math.log, STEP_RANGE)
    return torch.empty(channels).uniform_(low, high)


class Diagonal(nn.Module):
    """K_l = 2 Re Σ_n C_n (exp(Δ A_n) − 1) / A_n · exp(l Δ A_n), `[channels, length]`."""

    def __init__(self, channels: int, states: int) -> None:
        super().__init__()
        half = states // 2
        self.log_dt = nn.Parameter(random_log_steps(channels))
        self.C = nn.Parameter(torch.view_as_real(torch.randn(channels, half, dtype=torch.cfloat)).clone())
        self.log_A_real = nn.Parameter(torch.full((channels, half), math.log(0.5)))
        self.A_imag = nn.Parameter(math.pi * torch.arange(half).float().repeat(channels, 1))

    def forward(self, length: int) -> Tensor:
        a = torch.complex(-self.log_A_real.exp(), self.A_imag)
        da = a * self.log_dt.exp().unsqueeze(-1)
        c = torch.view_as_complex(self.C) * (da.exp() - 1) / a
        powers = torch.exp(da.unsqueeze(-1) * torch.arange(length, device=a.device))
        return 2 * torch.einsum("hn,hnl->hl", c, powers).real


def hippo_legs(states: int) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues W and the vectors P and B of the HiPPO-LegS matrix A = V (W − P P*) V*, each `[states / 2]`.

    One of each conjugate pair is kept; imaginary parts of B are held within ±2, as in the original program.
    """
    n = torch.arange(states, dtype=torch.double)
    root = torch.sqrt(2 * n + 1)
    lower = torch.tril(root.unsqueeze(1) * root, -1) + torch.diag(n + 1)
    p = torch.sqrt(n + 0.5)
    normal = -lower + p.unsqueeze(1) * p
    imaginary, vectors = torch.linalg.eigh(normal * -1j)
    real = normal.diagonal().mean()
    half = states // 2
    vectors = vectors[:, :half].conj().T.to(torch.cdouble)
    w = torch.complex(real.expand(half), imaginary[:half])
    b = vectors @ root.to(torch.cdouble)
    b = torch.complex(b.real, b.imag.clamp(-2, 2))
    return w, vectors @ p.to(torch.cdouble), b


class DiagonalPlusLowRank(nn.Module):
    """The kernel of a state space diag(A) − P P*, through its generating function, `[channels, length]`.

    `C` holds C̃ = (I − Ā^L)ᵀ C, so kernels have the one length for which the layer was made. `matmul` sums Cauchy
    products as matrix products rather than as the original program does without its extensions.
    """

    def __init__(self, channels: int, states: int, length: int, matmul: bool) -> None:
        super().__init__()
        self.length, self.matmul = length, matmul
        w, p, b = hippo_legs(states)
        log_dt = random_log_steps(channels).unsqueeze(1)
        c = torch.randn(channels, states // 2, dtype=torch.cfloat)
        c = self.tilde(w, p, c, log_dt.exp())

        def pairs(value: Tensor) -> nn.Parameter:
            """A complex value as pairs of reals, with a leading axis of 1."""
            value = value.to(torch.cfloat).expand(channels, -1).unsqueeze(0)
            return nn.Parameter(torch.view_as_real(value.resolve_conj()).clone())

        self.inv_dt = nn.Parameter(log_dt)
        self.C, self.B, self.P = pairs(c), pairs(b), pairs(p)
        self.A_real = nn.Parameter((-w.real).log().float().repeat(channels, 1))
        self.A_imag = nn.Parameter(-w.imag.float().repeat(channels, 1))
        # In float32, so that the node at −1 stays a little beside it and its bilinear transform finite.
        root = torch.exp(torch.tensor(-2j * math.pi / length, dtype=torch.cdouble)).to(torch.cfloat)
        omega = root ** torch.arange(length // 2 + 1)
        self.register_buffer("omega", omega, persistent=False)
        self.register_buffer("z", 2 * (1 - omega) / (1 + omega), persistent=False)

    def tilde(self, w: Tensor, p: Tensor, c: Tensor, dt: Tensor) -> Tensor:
        """C̃ from C `[channels, half]`, by the bilinear discretisation of the whole (not halved) state space."""
        w, p, c = (torch.cat([v, v.conj()], -1).to(torch.cdouble) for v in (w, p, c))
        a = torch.diag(w) - torch.outer(p, p.conj())
        eye = torch.eye(len(w), dtype=torch.cdouble)
        scaled = dt.double().unsqueeze(-1) / 2 * a
        discrete = torch.linalg.solve(eye - scaled, eye + scaled)
        power = torch.linalg.matrix_power(discrete, self.length)
        c = c - torch.einsum("hmn,hm->hn", power, c)
        return c[:, : c.shape[1] // 2]

    def forward(self, length: int) -> Tensor:
        if length != self.length:
            raise ValueError(f"made for length {self.length}, not {length}")
        dt = self.inv_dt.exp()
        a = torch.complex(-self.A_real.exp(), -self.A_imag) * dt
        b, c, p = (torch.view_as_complex(v) for v in (self.B, self.C, self.P))
        # The four products of (B, P) and (C, P*), [2, 2, channels, half].
        v = torch.cat([b, p]).unsqueeze(1) * torch.cat([c, p.conj()]).unsqueeze(0) * dt
        v = torch.cat([v, v.conj()], -1)
        a = torch.cat([a, a.conj()], -1)
        # Cauchy products Σ_n v_n / (z_l − a_n), [2, 2, channels, frequencies].
        r = self.cauchy(v, a)
        kernel = r[0, 0] - r[0, 1] * r[1, 0] / (1 + r[1, 1])
        return torch.fft.irfft(kernel * 2 / (1 + self.omega), length)

    def cauchy(self, v: Tensor, a: Tensor) -> Tensor:
        """Σ_n v_n / (z_l − a_n) for `v` `[2, 2, channels, states]` and `a` `[channels, states]`."""
        distance = self.z - a.unsqueeze(-1)
        if not self.matmul:
            return (v.unsqueeze(-1) / distance).sum(-2)
        # Per channel, [4, states] times [states, frequencies].
        products = v.flatten(0, 1).transpose(0, 1) @ distance.reciprocal()
        return products.transpose(0, 1).unflatten(0, (2, 2))


class StateSpaceLayer(nn.Module):
    """glu(linear(drop(gelu(K ∗ u + D u)))) on `[batch, channels, length]`; whole channels are dropped."""

    def __init__(self, kernel: nn.Module, channels: int, dropout: float) -> None:
        super().__init__()
        self.kernel = kernel
        self.D = nn.Parameter(torch.randn(channels))
        self.dropout = nn.Dropout1d(dropout)
        self.output_linear = nn.Conv1d(channels, 2 * channels, 1)

    def forward(self, u: Tensor) -> Tensor:
        length = u.shape[-1]
        spectrum = torch.fft.rfft(self.kernel(length), 2 * length) * torch.fft.rfft(u, 2 * length)
        y = torch.fft.irfft(spectrum, 2 * length)[..., :length] + u * self.D.unsqueeze(-1)
        return F.glu(self.output_linear(self.dropout(F.gelu(y))), 1)


class StateSpaceNetwork(nn.Module):
    """Encoder, residual layers with layer normalisation, mean over the steps, decoder.

    `[batch, inputs, length]` to `[batch, classes]`; `variant` is `s4d`, `s4` or `s4-matmul`.
    """

    def __init__(
        self,
        variant: str,
        inputs: int,
        classes: int,
        length: int,
        *,
        hidden: int,
        layers: int,
        states: int,
        dropout: float,
        prenorm: bool,
    ) -> None:
        super().__init__()
        self.prenorm = prenorm
        self.encoder = nn.Linear(inputs, hidden)

        def layer() -> StateSpaceLayer:
            if variant == "s4d":
                kernel: nn.Module = Diagonal(hidden, states)
            else:
                kernel = DiagonalPlusLowRank(hidden, states, length, variant == "s4-matmul")
            return StateSpaceLayer(kernel, hidden, dropout)

        self.layers = nn.ModuleList(layer() for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.dropout = nn.Dropout1d(dropout)
        self.decoder = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(x.transpose(1, 2)).transpose(1, 2)
        for layer, norm in zip(self.layers, self.norms):
            h = norm(x.transpose(1, 2)).transpose(1, 2) if self.prenorm else x
            x = self.dropout(layer(h)) + x
            if not self.prenorm:
                x = norm(x.transpose(1, 2)).transpose(1, 2)
        return self.decoder(x.mean(-1))

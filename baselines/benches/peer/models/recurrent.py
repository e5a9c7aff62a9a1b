"""LSTM, GRU and RNN of `torch.nn`, read out at the last step or at every one."""

from torch import Tensor, nn

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Recurrent(nn.Module):
    """`[batch, inputs, length]` to `[batch, classes]`."""

    def __init__(
        self, cell: str, inputs: int, classes: int, *, hidden: int, layers: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.rnn = CELLS[cell](inputs, hidden, layers, bias=bias, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rnn(x.transpose(1, 2))
        return self.head(states[:, -1])


class CharacterModel(nn.Module):
    """`[batch, length]` of tokens to `[batch, vocabulary, length]`: what comes next, at every step."""

    def __init__(self, cell: str, vocabulary: int, *, hidden: int, embedding: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = CELLS[cell](embedding, hidden, batch_first=True)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.rnn(self.embedding(tokens))
        return self.head(states).transpose(1, 2)

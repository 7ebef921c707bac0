"""The nets of the paper's experiments as tables 10 and 11 have them, independent of the cards."""

from rnngrad.hs97.machine import RecurrentNet, Topology


def reber(blocks: int, size: int) -> Topology:
    """Experiment 1: 4 blocks of 1 cell or 3 of 2; gates alone have biases, the output gates' start at -1, -2, …"""
    biases = tuple(-1.0 - b for b in range(blocks))
    return Topology(7, 7, blocks, size, cell_bias=False, output_bias=False, output_gate_biases=biases, init=0.2)


def long_lag(symbols: int, blocks: int = 1) -> Topology:
    """Experiments 2a and 2b, p + 1 symbols: one cell with an input gate, beside direct weights to the outputs.

    g is logistic in [0, 1], h the identity. With ``blocks`` = 0 the net as it is before the cell joins.
    """
    return Topology(
        symbols,
        symbols,
        blocks,
        output_gates=False,
        recurrent=False,
        direct=True,
        gate_bias=False,
        cell_bias=False,
        output_bias=False,
        init=0.2,
        g=(0.0, 1.0),
        h=None,
    )


def long_lag_competitor(symbols: int, rule: str) -> RecurrentNet:
    """Experiment 2a, p + 1 symbols: the net trained by ``rtrl`` or ``bptt``."""
    return RecurrentNet(symbols, symbols, rule)


def distractors(p: int) -> Topology:
    """Experiment 2c: two blocks of one cell, p + 4 symbols, no biases."""
    return Topology(p + 4, 2, 2, gate_bias=False, cell_bias=False, output_bias=False, init=0.2)


def two_sequences() -> Topology:
    """Experiments 3a, 3b, 3c: three blocks of one cell, all hidden units with biases."""
    return Topology(
        1, 1, 3, output_bias=False, input_gate_biases=(-1.0, -3.0, -5.0), output_gate_biases=(-2.0, -4.0, -6.0)
    )


def adding() -> Topology:
    """Experiment 4: two blocks of two cells, the input gates' biases start at -3, -6."""
    return Topology(2, 1, 2, 2, input_gate_biases=(-3.0, -6.0))


def multiplication() -> Topology:
    """Experiment 5: as adding, with all biases drawn."""
    return Topology(2, 1, 2, 2)


def temporal_order(relevant: int) -> Topology:
    """Experiments 6a (2 relevant symbols) and 6b (3): as many blocks of two cells, and a class per order of X and Y."""
    return Topology(8, 2**relevant, relevant, 2, input_gate_biases=tuple(-2.0 * (b + 1) for b in range(relevant)))

"""Random streams: one user seed, separate streams for separate purposes, nothing global."""

import numpy as np
import torch

STREAMS = ("init", "train", "test", "probe", "length")


def generator(seed: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """The generator of one replica's stream. Streams of one seed, and of two seeds, are independent of each other."""
    entropy = np.random.SeedSequence(seed, spawn_key=(STREAMS.index(stream),))
    return torch.Generator(device).manual_seed(int(entropy.generate_state(1)[0]))


def drawn_length(lengths: range, stream: str, *index: int) -> int:
    """The length of batch number ``index`` where a protocol draws one per batch, uniform over ``lengths``.

    It depends on the stream and the index alone and not on the seed: replicas that train together share a length
    at every step, and a replica must see the same lengths whether it trains alone or among ten.
    """
    if len(lengths) == 1:
        return lengths[0]
    rng = np.random.default_rng([STREAMS.index("length"), STREAMS.index(stream), *index])
    return lengths[int(rng.integers(len(lengths)))]


def spread_length(lengths: range, k: int, batches: int) -> int:
    """The length of batch ``k`` of ``batches`` that cover ``lengths`` evenly.

    A test has few batches, and lengths drawn for them would move its loss by more than what it is compared with.
    """
    return lengths[int((k + 0.5) * len(lengths) / batches)]

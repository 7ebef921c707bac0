"""The whole comparison, portion by portion and row by row."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from ..flow.layers import layer_norms
from ..flow.norms import Norms
from ..measurement import Measurement
from ..measuring import MeasuringJob, measuring_job
from ..memory import require
from ..models import FeedForward, Recurrent
from ..side_by_side import Row, numbers_of
from .bit import feed_forward, layered, recurrent, tested, train
from .over_time import redrawn, tied, time_norms
from .rates import log_rates, probe, theory_rows, width_rows
from .remedies import PAIRS
from .setting import Setting

BYTES = 40
"""Of a weight: its float32 and float64 copies, gradient and optimiser, and what is computed from them."""
EVERY = 100
"""Updates of a batch of progress."""
NETS = ("mlp", "rnn")
BUILT: dict[str, Callable[[Setting], FeedForward | Recurrent]] = {"mlp": feed_forward, "rnn": recurrent}

Part = tuple[dict[str, Any], Callable[[Setting], Iterator[list[Row]]], int]
"""What sets a portion apart, its rows in batches, and how many batches."""


def jobs(setting: Setting) -> list[MeasuringJob]:
    """All portions of the comparison; their numbers are those of rows (see :mod:`rnngrad.side_by_side`).

    ``event`` says what a row is: "flow", gradient norms of one seed of one net by lag, natural logs, ``over`` "depth"
    or "time", ``moment`` "init" or "trained"; "remedy", the same of the nets of a pair; "training", loss and share of
    right answers of one seed; "rate" (see :func:`width_rows`), "theory" and "ceiling". Raises UsageError for a size
    that does not fit into memory.
    """
    peak = _peak(setting)
    hint = "use a smaller --width or --widths, a shorter --length or fewer --seeds"
    require(peak, setting.device, hint)
    shared = {"experiment": "compare", **setting.columns, "device": setting.device.type}
    return [
        measuring_job({**shared, **own}, partial(_numbers, rows, setting), peak, batches)
        for own, rows, batches in _parts(setting)
    ]


def _parts(setting: Setting) -> Iterator[Part]:
    yield {"part": "theory"}, _theory, 1
    for net in (*NETS, "redrawn"):
        yield {"part": "flow", "net": net}, partial(_before, net), 1
    for number, pair in enumerate(PAIRS):
        for over in ("depth", "time"):
            yield {"part": "remedy", "pair": pair.name, "over": over}, partial(_remedy, number, over), 1
    for width in sorted({setting.width, *setting.widths}):
        yield {"part": "rate", "own_width": width}, partial(_rates, width), 1
    for net in NETS:
        yield {"part": "training", "net": net}, partial(_after, net), setting.updates // EVERY + 1


def _numbers(rows: Callable[[Setting], Iterator[list[Row]]], setting: Setting) -> Iterator[list[Measurement]]:
    for batch in rows(setting):
        yield [number for row in batch for number in numbers_of(row)]


def _peak(setting: Setting) -> int:
    weights = len(setting.seeds) * setting.length * setting.width**2
    return BYTES * max(weights, len(setting.seeds) * max(setting.widths) ** 2)


def _theory(setting: Setting) -> Iterator[list[Row]]:
    yield theory_rows(setting)


def _before(net: str, setting: Setting) -> Iterator[list[Row]]:
    if net == "redrawn":
        yield _flow(setting, time_norms(redrawn(setting, setting.width), probe(setting)), net, "init")
    else:
        yield _flow(setting, _norms(BUILT[net](setting), setting), net, "init")


def _remedy(number: int, over: str, setting: Setting) -> Iterator[list[Row]]:
    """By the pair's number, since what measures it cannot be pickled."""
    pair = PAIRS[number]
    side = pair.depth if over == "depth" else pair.time
    labels = {"event": "remedy", "over": over, "pair": pair.name, "net": side.name, "state": side.state}
    yield _rows(setting, side.norms(setting, probe(setting)), labels)


def _rates(width: int, setting: Setting) -> Iterator[list[Row]]:
    yield width_rows(setting, width)


def _after(net: str, setting: Setting) -> Iterator[list[Row]]:
    model = BUILT[net](setting)
    trained = model
    for update, theta in enumerate(train(model, setting), start=1):
        trained = model.with_theta(theta)
        if update % EVERY == 0:
            yield []
    columns = zip(setting.seeds, *(own.tolist() for own in tested(trained, setting)), strict=True)
    outcomes: list[Row] = [
        {"event": "training", "net": net, "seed": seed, "loss": loss, "right": right} for seed, loss, right in columns
    ]
    yield outcomes + _flow(setting, _norms(trained, setting), net, "trained")


def _norms(model: FeedForward | Recurrent, setting: Setting) -> Norms:
    bits = probe(setting)
    if isinstance(model, FeedForward):
        return layer_norms(model, layered(setting, bits.x), bits.losses, "h")
    return time_norms(tied(model), bits)


def _flow(setting: Setting, norms: Norms, net: str, moment: str) -> list[Row]:
    labels = {"event": "flow", "over": "depth" if net == "mlp" else "time", "net": net, "moment": moment, "state": "h"}
    return _rows(setting, norms, labels)


def _rows(setting: Setting, norms: Norms, labels: Row) -> list[Row]:
    """One row a seed."""
    logs, rates = norms.log_rms()[..., 0], log_rates(norms, setting.seeds)
    return [
        {**labels, "seed": seed, "log_rate": rates[k], "log_rms_per_sample": _rounded(logs[:, k])}
        for k, seed in enumerate(setting.seeds)
    ]


def _rounded(logs: torch.Tensor) -> list[float]:
    """Five decimals."""
    return [round(value, 5) for value in logs.tolist()]

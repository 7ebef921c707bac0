"""The whole comparison, row by row."""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import torch

from ..flow.layers import layer_norms
from ..flow.norms import Norms
from ..memory import require
from ..models import FeedForward, Recurrent
from .bit import Bits, Trained, feed_forward, layered, recurrent, train
from .over_time import redrawn, tied, time_norms
from .rates import Row, log_rates, probe, theory_rows, width_rows
from .remedies import PAIRS
from .setting import Setting

Say = Callable[[str], None]
BYTES = 40
"""Of a weight: its float32 and float64 copies, gradient and optimiser, and what is computed from them."""
EVERY = 100
"""Updates between two words of progress."""


def measure(setting: Setting, say: Say) -> Iterator[Row]:
    """All rows of the comparison, flat and ready for JSON; ``say`` hears what is being done.

    ``event`` says what a row is: "setting"; "flow", gradient norms of one seed of one net by lag, natural logs,
    ``over`` "depth" or "time", ``moment`` "init" or "trained"; "remedy", the same of the nets of a pair; "training",
    loss and share of right answers of one seed; "rate" (see :func:`width_rows`), "theory" and "ceiling". Raises
    UsageError for a size that does not fit into memory.
    """
    _require_memory(setting)
    return _measured(setting, say)


def _measured(setting: Setting, say: Say) -> Iterator[Row]:
    yield {"event": "setting", **asdict(setting)}
    bits = probe(setting)
    say("theory and bounds")
    yield from theory_rows(setting)
    say("gradients at initialisation: MLP, RNN, RNN with weights redrawn")
    mlp, rnn = feed_forward(setting), recurrent(setting)
    yield from _flows(setting, bits, mlp, rnn, "init")
    yield from _named(setting, time_norms(redrawn(setting, setting.width), bits), "redrawn", "init")
    for pair in PAIRS:
        say(f"remedies: {pair.depth.name} | {pair.time.name}")
        for over, side in (("depth", pair.depth), ("time", pair.time)):
            labels = {"event": "remedy", "over": over, "pair": pair.name, "net": side.name, "state": side.state}
            yield from _rows(setting, side.norms(setting, bits), labels)
    for width in sorted({setting.width, *setting.widths}):
        say(f"tied and redrawn weights at width {width}")
        yield from width_rows(setting, width)
    trained_mlp = train(mlp, setting, _counted(say, "MLP", setting))
    trained_rnn = train(rnn, setting, _counted(say, "RNN", setting))
    yield from _trainings(setting, "mlp", trained_mlp)
    yield from _trainings(setting, "rnn", trained_rnn)
    yield from _flows(setting, bits, mlp.with_theta(trained_mlp.theta), rnn.with_theta(trained_rnn.theta), "trained")


def _require_memory(setting: Setting) -> None:
    weights = len(setting.seeds) * setting.length * setting.width**2
    widest = len(setting.seeds) * max(setting.widths) ** 2
    hint = "use a smaller --width or --widths, a shorter --length or fewer --seeds"
    require(BYTES * max(weights, widest), torch.device("cpu"), hint)


def _flows(setting: Setting, bits: Bits, mlp: FeedForward, rnn: Recurrent, moment: str) -> Iterator[Row]:
    yield from _named(setting, layer_norms(mlp, layered(setting, bits.x), bits.losses, "h"), "mlp", moment)
    yield from _named(setting, time_norms(tied(rnn), bits), "rnn", moment)


def _named(setting: Setting, norms: Norms, net: str, moment: str) -> Iterator[Row]:
    labels = {"event": "flow", "over": "depth" if net == "mlp" else "time", "net": net, "moment": moment, "state": "h"}
    return _rows(setting, norms, labels)


def _rows(setting: Setting, norms: Norms, labels: Row) -> Iterator[Row]:
    """One row a seed."""
    logs, rates = norms.log_rms()[..., 0], log_rates(norms, setting.seeds)
    for k, seed in enumerate(setting.seeds):
        yield {**labels, "seed": seed, "log_rate": rates[k], "log_rms_per_sample": _rounded(logs[:, k])}


def _rounded(logs: torch.Tensor) -> list[float | None]:
    """Five decimals; None for an exact 0, of which there is no log."""
    return [round(value, 5) if value > -torch.inf else None for value in logs.tolist()]


def _trainings(setting: Setting, name: str, trained: Trained) -> Iterator[Row]:
    columns = zip(setting.seeds, trained.loss.tolist(), trained.right.tolist(), strict=True)
    for seed, loss, right in columns:
        yield {"event": "training", "net": name, "seed": seed, "loss": loss, "right": right}


def _counted(say: Say, name: str, setting: Setting) -> Callable[[int], None]:
    def count(update: int) -> None:
        if update % EVERY == 0 or update == setting.updates:
            say(f"training the {name}: update {update} of {setting.updates}")

    return count

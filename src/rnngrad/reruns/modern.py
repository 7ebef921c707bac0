"""Rows beside a paper's: runs of the modern engine, read as trials, with a criterion of their own."""

from collections.abc import Sequence

from ..store import Row

NOT_IN_PAPER = "not in the paper"


def in_paper(card: Row) -> bool:
    """Is it a setting of the paper, and not a net of today beside it?"""
    return "modern" not in card


def sequences_per_step(card: Row) -> int:
    """A step of the paper's trials is a sequence; one of the modern engine is an update, of a batch of them."""
    return 1 if in_paper(card) else int(card["training"]["batch"])


def as_trial(run: Row) -> Row:
    """The stored run with its steps in sequences, and the milestone that it reached where a trial has it."""
    card = run["card"]
    if in_paper(card):
        return run
    batch, solved = sequences_per_step(card), run["steps_to_solve"]
    reached = {} if solved is None else {card["milestones"][-1]: solved * batch}
    return {**run, "steps": run["steps"] * batch, "scores": {"reached": reached}}


def criterion(card: Row) -> str:
    """When a run of the modern engine counts as solved."""
    stop, training = card["stop"], card["training"]
    score, _, how = stop["rule"].partition("_")
    return (
        f"{score} {how.replace('_', ' ')} {stop['value']:g} on {stop['on']:,} fresh sequences, "
        f"tried every {training['eval_every']:,} updates of {training['batch']:,} sequences"
    )


def footnote(rows: Sequence[Row]) -> str:
    """What rows that are not in the paper are, and what their numbers of sequences mean; empty if there are none."""
    beside = dict.fromkeys(row["criterion"] for row in rows if not row["in_paper"])
    if not beside:
        return ""
    return (
        "Not in the paper: nets of today (tanh RNN, LSTM with a forget gate), trained through all time steps by the "
        "modern engine on the task card of the same problem. Their criterion is the card's, not the paper's: "
        f"{'; '.join(beside)}. Their sequences are updates times batch."
    )

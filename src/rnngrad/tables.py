"""The table that a comparison prints."""

from rich.table import Table

from .summary import Comparison, Line, count, power_of_ten


def comparison_table(comparison: Comparison) -> Table:
    """One line per cell: did it solve the problem, when, and how far back does its gradient reach?"""
    first = comparison.lines[0].runs[0]
    baselines = ", ".join(f"{name} {value:.4g}" for name, value in first["baselines"].items())
    table = Table(
        title=comparison.title,
        caption=f"test loss of predictors that forget: {baselines} · gradient: first step over last, median of seeds",
        title_justify="left",
        caption_justify="left",
    )
    scores = list(first["scores"])
    for heading in ("cell", "weights", "lr"):
        table.add_column(heading, justify="left" if heading == "cell" else "right", no_wrap=True)
    for heading in (
        "solved [95 %]",
        "steps to solve (range)",
        "holds",
        "test loss",
        *scores,
        "gradient\nat init",
        "gradient\nafter",
        "horizon\n(1 %)",
        "seconds",
    ):
        table.add_column(heading, justify="right")
    for line in comparison.lines:
        table.add_row(*_cells(line, scores))
    return table


def _cells(line: Line, scores: list[str]) -> list[str]:
    s = line.summary()
    return [
        line.label,
        f"{s['parameters']:,}",
        f"{s['lr']:g}",
        _solved(line),
        _steps(line),
        f"{s['held']}/{s['solved']}" if s["solved"] else "–",
        "–" if s["test_loss"] is None else f"{s['test_loss']:.3g}",
        *("–" if s["scores"][name] is None else f"{s['scores'][name]:.3f}" for name in scores),
        power_of_ten(s["grad_first_over_last_init"]),
        power_of_ten(s["grad_first_over_last_end"]),
        "–" if s["grad_first_over_last_end"] is None else count(s["horizon"], line.runs[0]["length"] - 1),
        f"{s['seconds']:.0f}",
    ]


def _solved(line: Line) -> str:
    s = line.summary()
    text = f"{s['solved']}/{s['n']} [{s['solved_low']:.2f}, {s['solved_high']:.2f}]"
    for what in ("diverged", "unfinished"):
        if s[what]:
            text += f"\n{s[what]} {what}"
    return text


def _steps(line: Line) -> str:
    s = line.summary()
    median = count(s["steps_to_solve"], s["censored_at"])
    if s["steps_to_solve_min"] is None:
        return median
    return f"{median} ({s['steps_to_solve_min']:,} – {count(s['steps_to_solve_max'], s['censored_at'])})"

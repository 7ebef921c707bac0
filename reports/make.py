"""Makes the ledger's entries: runs the exact commands, keeps the rows, writes the tables, figures and pages.

python reports/make.py adding-lag200         run one entry (or several), then rebuild its page and the ledger
python reports/make.py --rebuild             only rebuild every page and the ledger from the committed rows
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from rnngrad import report
from rnngrad.cards import load
from rnngrad.hs97.cards import load as load97
from rnngrad.hs97.cards import shipped
from rnngrad.reruns import is_trial
from rnngrad.store import Store
from rnngrad.study.trials import asked
from rnngrad.summary import comparisons

HERE = Path(__file__).parent
COSTS = "costs.jsonl"
"""What `rnngrad rerun --list --json` said of every setting on the machine that ran the entry."""
FOUR = "--cell rnn --cell gru --cell lstm:forget_bias_1 --cell lstm:chrono"


def tuning(task: str, options: str) -> list[str]:
    """Every rate of the card's grid, on seeds that no other entry reports."""
    return [f"task {task} {FOUR} --lr {rate:g} --seed 1000 {options}" for rate in load(task).training.lr_grid]


EXPERIMENT_1 = "hs97/1/3x2-lr0.5 hs97/1/3x2-lr0.1 hs97/1/3x2-lr0.2 hs97/1/4x1-lr0.5 hs97/1/4x1-lr0.1"
MODERN = " ".join(f"hs97/{name}/{row.name}" for name in shipped() for row in load97(name).modern)
"""The nets of today."""
HS97 = (
    EXPERIMENT_1,
    "hs97/6a/T100 hs97/3a/T100-N3 hs97/3a/T100-N1 hs97/3b/T100-N3 hs97/3b/T100-N1 hs97/4/T100",
    "hs97/3c hs97/6b",
    "hs97/3a/T1000-N3",
    "hs97/3b/T1000-N1 --budget 17m",
    "hs97/4/T500",
    "hs97/5/T100",
    "hs97/2c/q50-p50 hs97/2c/q100-p100 hs97/2c/q200-p200",
    "hs97/2a/lstm-p100 --budget 14m",
    MODERN,
    "hs97/2a/rtrl-p4-lr1 hs97/2a/rtrl-p4-lr4 hs97/2a/rtrl-p4-lr10 hs97/2a/rtrl-p10-lr1 hs97/2a/rtrl-p10-lr10",
    "hs97/2b --budget 2m",
)
"""What fitted into the time at hand; what is not here is listed as not run, with its cost."""
COMMON = "text no_derivative factor_two linear_outputs caption_ranges exact_gradient"
PAIRED = "no_derivative factor_two linear_outputs caption_ranges exact_gradient per_step output_bias one_legal_symbol"
SENSELESS = {("exact_gradient", "per_step"), ("no_derivative", "linear_outputs")}
"""The first is refused; a linear output has no derivative to leave out."""
PAIRS = [f"{a}+{b}" for a, b in combinations(PAIRED.split(), 2) if (a, b) not in SENSELESS]
SMALL = "output_bias exact_gradient exact_gradient+output_bias output_bias+one_legal_symbol"
DRIFT = "hs97/2c/q200-p200 --trials 10 --set cap=1000000"
AT_END = "error_at_end+no_derivative+cell_from_start"
READINGS = (
    (
        "hs97/1/3x2-lr0.5 --trials 10 --set cap=30000",
        f"{COMMON} per_step distinct_strings tried_every_string one_legal_symbol output_bias {' '.join(PAIRS)} "
        "exact_gradient+output_bias+caption_ranges exact_gradient+output_bias+one_legal_symbol "
        "exact_gradient+output_bias+factor_two",
    ),
    (
        "hs97/4/T100",
        f"{COMMON} first_pair_hidden first_value_target first_value_kept squared_error short_average "
        "linear_outputs+factor_two no_derivative+factor_two no_derivative+caption_ranges linear_outputs+caption_ranges",
    ),
    (
        "hs97/2c/q50-p50 --trials 10 --set cap=300000",
        f"{COMMON} suffix_may_be_empty training_row output_bias caption_ranges+linear_outputs "
        "caption_ranges+no_derivative caption_ranges+factor_two caption_ranges+output_bias "
        "caption_ranges+suffix_may_be_empty",
    ),
    ("hs97/6a/T100 --trials 10", COMMON),
    ("hs97/1/3x2-lr0.5", "per_step one_legal_symbol output_bias no_derivative factor_two"),
    ("hs97/1/3x2-lr0.5 --trials 10 --set init=0.02", f"text {SMALL}"),
    (
        "hs97/2a/lstm-p100 --trials 10 --set cap=60000",
        "text no_derivative per_step cell_from_start no_derivative+cell_from_start no_derivative+per_step "
        "no_derivative+per_step+cell_from_start per_step+cell_from_start",
    ),
    (
        "hs97/2b --trials 10 --set cap=60000",
        "text no_derivative linear_outputs per_step cell_from_start error_at_end error_at_end+no_derivative "
        f"{AT_END} error_at_end+cell_from_start no_derivative+per_step no_derivative+per_step+cell_from_start "
        "error_at_end+linear_outputs",
    ),
    *((f"{DRIFT} --set init={init}", "text") for init in (0.1, 0.05, 0.02, 0.01)),
    (f"{DRIFT} --set init=0.02", "caption_ranges factor_two no_derivative"),
    ("hs97/2c/q50-p50 --trials 10 --set cap=300000", "no_recurrence"),
    ("hs97/4/T100", "no_recurrence no_recurrence+no_derivative no_recurrence+no_derivative+caption_ranges"),
    ("hs97/4/T100 --set cap=200000", "text"),
    ("hs97/5/T100 --set cap=5000000", "text no_derivative no_derivative+caption_ranges"),
    ("hs97/6b/T100", "text no_derivative factor_two linear_outputs"),
    ("hs97/3a/T100-N1", f"{COMMON} redrawn tried_often output_bias"),
    ("hs97/3b/T100-N1", f"{COMMON} redrawn tried_often output_bias"),
)
"""The text, then one option changed at a time, then several at once, on seeds that nothing else reports."""
CONFIRMED = (
    (EXPERIMENT_1, "exact_gradient+output_bias"),
    (f"{EXPERIMENT_1} --set init=0.02", "exact_gradient+output_bias"),
    ("hs97/2b", f"{AT_END} error_at_end+no_derivative"),
    ("hs97/2c --budget 20m", "no_recurrence"),
    ("hs97/2c/q50-p50 hs97/2c/q100-p100 hs97/2c/q200-p200 --set init=0.02 --set cap=1000000", "text"),
    ("hs97/2c/q500-p500 --trials 4 --set init=0.02 --set cap=1000000", "text"),
    ("hs97/2c/q1000-p50 --trials 2 --set init=0.02 --set cap=1000000", "text"),
    ("hs97/4/T100 hs97/4/T500", "no_derivative+caption_ranges"),
    ("hs97/4/T1000 --trials 2", "no_derivative+caption_ranges"),
    ("hs97/2c/q50-p50 hs97/2c/q100-p100 --budget 3m", "caption_ranges+no_derivative"),
)
"""What did best among the readings, on fresh seeds."""


def readings(what: Sequence[tuple[str, str]], seed: int) -> list[str]:
    """A command for each line of settings, with all of its readings."""
    return [
        " ".join([f"rerun {names} --seed {seed}", *(f"--reading {one}" for one in tried.split())])
        for names, tried in what
    ]


ENTRIES = {
    "demo": ("The main job: `make demo`", ["task adding --lag 200"]),
    "adding-lag200": ("Adding, lag 200, ten seeds", [f"task adding --lag 200 --seeds 10 {FOUR}"]),
    "adding-lag1000": ("Adding, lag 1,000", [f"task adding --lag 1000 {FOUR}"]),
    "adding-lag10000": (
        "Adding, lag 10,000, one seed",
        ["task adding --lag 10000 --cell lstm:chrono --seeds 1 --batch 16"],
    ),
    "adding-lag100000": (
        "Adding, lag 100,000, one seed",
        ["task adding --lag 100000 --cell lstm:chrono --seeds 1 --batch 16"],
    ),
    "adding-lags": (
        "Adding over lags 50 to 1,000, ten seeds",
        [f"sweep adding --lags 50,100,200,500,1000 {FOUR} --seeds 10"],
    ),
    "copy-lags": (
        "Copy memory over lags 10 to 100, ten seeds, 3,000 updates of the card's 10,000",
        [f"sweep copy --lags 10,20,50,100 --steps 3000 {FOUR} --seeds 10 --workers 2"],
    ),
    "copy-lag30": ("Copy memory, lag 30", [f"task copy --lag 30 {FOUR}"]),
    "copy-lag100": ("Copy memory, lag 100", [f"task copy --lag 100 --steps 3000 {FOUR}"]),
    "depth-nielsen": ("Depth: Nielsen's chapter 5", ["depth nielsen"]),
    "depth-glorot": ("Depth: Glorot & Bengio, standard and normalised weights", ["depth glorot"]),
    "depth-chain": ("Depth: the linear chain", ["depth chain --factor 0.9 --factor 1.1"]),
    "depth-factors": ("Depth: the factors of the backward product", ["depth factors"]),
    "depth-remedies": (
        "Depth: remedies",
        [
            "depth remedies --init gaussian_0.25 --init glorot --init he --init gaussian_4 --init orthogonal"
        ],  # all crossed, where the command's default tries batch norm with two of them
    ),
    "tuning-adding": ("Learning rates for adding", tuning("adding", "--seeds 3")),
    "depth-and-time": ("Time beside depth, on one axis", ["compare"]),
    "hs97": (
        "Hochreiter & Schmidhuber 1997, every trial again under the plain reading of the text",
        [f"rerun {experiments}" for experiments in HS97],
    ),
    "tuning-hs97": (
        "Readings of Hochreiter & Schmidhuber 1997: one option changed, then several",
        readings(READINGS, 1000),
    ),
    "confirmed-hs97": ("The readings that did best, on fresh seeds", readings(CONFIRMED, 2000)),
    "tuning-copy": ("Learning rates for copy memory", tuning("copy", "--seeds 2 --steps 3000")),
}


def run(name: str) -> None:
    """Runs an entry's commands into its folder; a sweep or rerun goes on with what is missing, others start anew."""
    folder, rnngrad = HERE / name, [str(Path(sys.executable).with_name("rnngrad"))]
    if not resumes(name):
        shutil.rmtree(folder, ignore_errors=True)
    for arguments in ENTRIES[name][1]:
        subprocess.run([*rnngrad, *arguments.split(), "--out", f"reports/{name}"], check=True, cwd=HERE.parent)
    if name == "hs97":
        costs = subprocess.run([*rnngrad, "rerun", "--list", "--json", "--quiet"], check=True, capture_output=True)
        (folder / COSTS).write_bytes(costs.stdout)
    slim(folder)


def is_sweep(name: str) -> bool:
    """Whether the entry has runs at several lags."""
    return ENTRIES[name][1][0].startswith("sweep")


def is_rerun(name: str) -> bool:
    """Whether the entry has trials of a published experiment."""
    return ENTRIES[name][1][0].startswith("rerun")


def resumes(name: str) -> bool:
    """Whether the entry takes hours, and is continued rather than begun again."""
    return is_sweep(name) or is_rerun(name)


def slim(folder: Path) -> None:
    """Keeps of the flow profiles what the figures show, the first, the last and every tenth, and no weights."""
    for name in ("weights", "checkpoints"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "claims.lock").unlink(missing_ok=True)
    with sqlite3.connect(folder / "rnngrad.db", isolation_level=None) as db:
        ends = "SELECT {}(step) FROM snapshots AS own WHERE own.run = snapshots.run"
        first, last = ends.format("min"), ends.format("max")
        tenth = "10 * json_extract((SELECT card FROM runs WHERE id = run), '$.training.eval_every')"
        db.execute(f"UPDATE snapshots SET flow = '{{}}' WHERE step NOT IN (({first}), ({last})) AND step % ({tenth})")
        db.execute("UPDATE runs SET weights = NULL")
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("VACUUM")
    db.close()


def rebuild(name: str) -> str:
    """Tables, figures and page of an entry, from its rows; returns its line in the ledger."""
    folder, (title, _) = HERE / name, ENTRIES[name]
    if is_sweep(name):
        return rebuild_sweep(name)
    store = Store(folder / "rnngrad.db", create=False)
    runs = store.runs()
    found = comparisons([run for run in runs if not is_trial(run)])
    outcomes = [f"{line.label} {line.summary()['solved']}/{line.summary()['n']}" for c in found for line in c.lines]
    page = [f"# {title}", ""]
    for group in found:
        report.draw(group, store, folder)
        page += [(folder / f"{group.name}.md").read_text(encoding="utf-8")]
        kinds = [kind for kind in ("learning", "flow", "measures") if (folder / f"{group.name}-{kind}.png").exists()]
        page += [f"![{kind}]({group.name}-{kind}.png)" for kind in kinds] + [""]
    for own in report.rerunning([run for run in runs if is_trial(run)], not_begun(runs, folder)):
        images = [path for path in report.draw_reruns(own, store, folder) if path.suffix == ".png"]
        page += [own.markdown, *(f"![{path.stem}]({path.name})" for path in images), ""]
        outcomes += [f"{own.title.partition(':')[0]}: {own.sentences[0].removeprefix('Verdicts: ').removesuffix('.')}"]
    for own in report.found(store):
        images = [path for path in report.draw_found(own, folder) if path.suffix == ".png"]
        page += [own.markdown, *(f"![{path.stem}]({path.name})" for path in images), ""]
        outcomes += [own.sentences[0].replace("|", "\\|")]
    runs += store.experiments()
    store.close()
    if is_rerun(name):
        page[2:2] = [*(f"- {outcome}" for outcome in outcomes), "", *notes(folder)]
    page += ["Made by, on the day and in the time given:", "", *provenance(runs), ""]
    page += [f"Rebuilt from the rows by `rnngrad report --store reports/{name}/rnngrad.db`.", ""]
    (folder / "README.md").write_text("\n".join(page), encoding="utf-8")
    return f"| [{name}]({name}/README.md) | {title} | {runs[0]['created_at'][:10]} | {', '.join(outcomes)} |"


def notes(folder: Path) -> list[str]:
    """What a person has to say of an entry, from its NOTES.md, if it has one."""
    path = folder / "NOTES.md"
    return [path.read_text(encoding="utf-8")] if path.exists() else []


def not_begun(runs: list[dict], folder: Path) -> list[tuple[dict, float]]:
    """The cards of the settings of which there is no trial, with the seconds that they would take."""
    if not (folder / COSTS).exists():
        return []
    begun = {(run["task"], run["protocol"]) for run in runs}
    costs = [json.loads(line) for line in (folder / COSTS).read_text(encoding="utf-8").splitlines()]
    missing = [row for row in costs if (f"hs97/{row['experiment']}", row["setting"]) not in begun]
    cards = {(own["experiment"]["name"], own["setting"]): own for own in (one.about for one in asked(["hs97"]))}
    return [(cards[row["experiment"], row["setting"]], row["estimated_seconds"]) for row in missing]


def rebuild_sweep(name: str) -> str:
    """The same of a sweep: what ``rnngrad report`` makes of it."""
    folder, (title, _) = HERE / name, ENTRIES[name]
    command = [str(Path(sys.executable).with_name("rnngrad")), "report", "--store", f"reports/{name}/rnngrad.db"]
    subprocess.run([*command, "--out", f"reports/{name}"], check=True, cwd=HERE.parent, stdout=subprocess.DEVNULL)
    store = Store(folder / "rnngrad.db", create=False)
    runs = store.runs()
    store.close()
    said = " ".join(sentence for swept in report.swept(comparisons(runs)) for sentence in swept.sentences)
    return f"| [{name}]({name}/README.md) | {title} | {runs[0]['created_at'][:10]} | {said} |"


def provenance(runs: list[dict]) -> list[str]:
    """One line per command: what was typed, when, on what, and how long its cells took in all."""
    lines = []
    for command in dict.fromkeys(run["command"] for run in runs):
        own = [run for run in runs if run["command"] == command]
        cells = {}
        for run in own:
            alone = (run["task"], run["protocol"], run["seed"]) if run.get("engine") == "hs97" else ()
            key = (*(run.get(part) for part in ("cell", "init", "lr")), *alone)
            cells[key] = max(cells.get(key, 0.0), run["seconds"])
        versions = ", ".join(f"{k} {v}" for k, v in own[0]["versions"].items())
        engine = f"engine {own[0]['engine']}, " if "engine" in own[0] else ""
        where = f"{own[0]['device']}, {engine}{versions}"
        lines.append(f"- `{command}` ({own[0]['created_at'][:10]}, {sum(cells.values()):,.0f} s; {where})")
    return lines


def main(names: list[str]) -> None:
    """Runs what is named, then rebuilds the pages."""
    for name in [n for n in names if n != "--rebuild"]:
        run(name)
    made = [rebuild(name) for name in ENTRIES if (HERE / name / "rnngrad.db").exists()]
    head = (HERE / "HEAD.md").read_text(encoding="utf-8")
    table = ["| entry | what | date | seeds solved, or what was found |", "| --- | --- | --- | --- |", *made]
    (HERE / "README.md").write_text(head + "\n" + "\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

"""What TensorBoard gets to see: read back with its own reader."""

import pytest
from conftest import carried_out, jobs_of
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnngrad.errors import UsageError
from rnngrad.logs import TensorBoard
from rnngrad.study.listening import Everybody


def events(folder):
    """Scalars by name, (step, value) each, as TensorBoard reads them."""
    reader = EventAccumulator(str(folder)).Reload()
    return {name: [(event.step, event.value) for event in reader.Scalars(name)] for name in reader.Tags()["scalars"]}


class StopAt15(Everybody):
    def ticked(self, job, tick):
        if tick.step == 15:
            raise KeyboardInterrupt


def test_the_scalars_are_the_store_s_also_after_an_interruption(tmp_path, card):
    with pytest.raises(KeyboardInterrupt):
        carried_out(jobs_of(card), tmp_path, [TensorBoard(tmp_path), StopAt15([])])
    store = carried_out(jobs_of(card), tmp_path, [TensorBoard(tmp_path)])
    folder = tmp_path / "tensorboard" / "adding-arjovsky-lag12" / "lstm-forget_bias_1-lr0.003"
    assert sorted(path.name for path in folder.iterdir()) == ["seed0", "seed1"]
    found = events(folder / "seed1")
    assert set(found) == {
        *(
            "loss/train",
            "loss/test",
            "score/accuracy",
            "gradient/log first over last",
        ),  # over 12 steps it falls under 1 % nowhere
        *(f"flow/lag {lag:06d}" for lag in (0, 1, 2, 4, 8)),
    }
    history = store.history(2)
    assert [step for step, _ in found["loss/test"]] == [0, 10, 20]
    assert [value for _, value in found["loss/test"]] == pytest.approx([row["test_loss"] for row in history])
    _, last = store.flow(2)
    assert found["flow/lag 000008"][-1][1] == pytest.approx(last["flow"]["hc"]["log_rms_per_sample"][8])


def test_without_tensorboard_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("rnngrad.logs.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"install rnngrad with the extra `tensorboard`"):
        TensorBoard(tmp_path)

"""Every worker process of a machine gets a GPU of its own: locks, tried without a GPU."""

import subprocess
import sys

CLAIM = """
import sys, torch
torch.cuda.device_count = lambda: 2
from rnngrad.errors import UsageError
from rnngrad.study.executors.gpu import claim
try:
    print(claim(), claim(), flush=True)
except UsageError as error:
    print(error, flush=True)
sys.stdin.read()
"""


def worker(folder):
    """A process that claims a GPU of two and keeps it until it ends; and what it says."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(folder)},
    )
    return process, process.stdout.readline().strip()


def test_workers_take_different_gpus_and_a_killed_one_gives_its_own_back(tmp_path):
    first, second, third = (worker(tmp_path) for _ in range(3))
    assert {first[1], second[1]} == {"0 0", "1 1"}
    assert third[1].startswith("--per-worker-gpu: this machine has 2 GPUs")
    second[0].kill()
    second[0].communicate()
    fourth = worker(tmp_path)
    assert fourth[1] == second[1]
    for process in (first[0], third[0], fourth[0]):
        process.communicate()

"""A wheel and an editable install both find the cards and the data, and the command starts."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rnngrad import cards
from rnngrad.hs97 import cards as hs97_cards

ROOT = Path(__file__).parents[1]
NAMES = sorted(cards.shipped())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The project's wheel, built in this environment."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return next(out.glob("*.whl"))


def listed(*options, **environment):
    """The tasks that the command lists, run away from the checkout."""
    command = [sys.executable, *options, "-m", "rnngrad", "list", "tasks"]
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment or None)
    assert result.returncode == 0, result.stderr
    return sorted(line.split()[0] for line in result.stdout.splitlines() if not line.startswith(" "))


def test_the_installed_command_finds_the_cards():
    assert listed() == NAMES


def test_the_wheel_holds_the_digits_their_notice_and_the_published_numbers(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        assert "rnngrad/data/NOTICE.md" in archive.namelist()
        assert "CC BY-SA 3.0" in archive.read("rnngrad/data/NOTICE.md").decode()
        archive.extractall(tmp_path)
    read = "import rnngrad.data as d; print(d.__file__, len(d.digits().labels), len(d.nielsen_norms()))"
    environment = {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, cwd="/", env=environment)
    assert result.stdout.split() == [str(tmp_path / "rnngrad/data/__init__.py"), "1000", "54"], result.stderr


def test_the_wheel_holds_the_templates_of_the_page(wheel):
    folder = ROOT / "src/rnngrad/page/templates"
    with zipfile.ZipFile(wheel) as archive:
        assert {f"rnngrad/page/templates/{path.name}" for path in folder.iterdir()} <= set(archive.namelist())
    assert len(list(folder.iterdir())) == 4


def test_the_wheel_holds_the_cards_and_finds_them_when_unpacked_elsewhere(wheel, tmp_path):
    """Unpacked ahead of this environment's own copy, so that the modules and the cards are the wheel's."""
    with zipfile.ZipFile(wheel) as archive:
        names = [Path(n).relative_to("rnngrad/tasks") for n in archive.namelist() if n.endswith(".toml")]
        assert sorted(n.stem for n in names if len(n.parts) == 1) == NAMES
        assert sorted(n.stem for n in names if n.parts[0] == "hs97") == sorted(hs97_cards.shipped())
        archive.extractall(tmp_path)
    assert listed(PYTHONPATH=str(tmp_path)) == NAMES
    where = [sys.executable, "-c", "import rnngrad.cards as c; print(*c.shipped().values())"]
    result = subprocess.run(where, capture_output=True, text=True, cwd="/", env={"PYTHONPATH": str(tmp_path)})
    assert all(path.startswith(str(tmp_path)) for path in result.stdout.split()), result.stdout

"""The digits that ship, and a user's own: what is read, and how what cannot be read is refused."""

import gzip

import numpy as np
import pytest

from rnngrad.data import digits, nielsen_norms
from rnngrad.errors import UsageError

SIZES = [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
"""Of the classes among the first thousand, as the notice says."""


def arrays(count=1000):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 28, 28), dtype=np.uint8), rng.integers(0, 10, count, dtype=np.uint8)


def idx(values):
    axes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + axes + values.tobytes()


def test_the_digits_that_ship():
    found = digits()
    assert found.images.shape == (1000, 784)
    assert (found.images.min(), found.images.max()) == (0, 1)
    assert np.bincount(found.labels).tolist() == SIZES


@pytest.mark.parametrize("keys", [("images", "labels"), ("x_train", "y_train")])
def test_an_npz_of_the_users_own(tmp_path, keys):
    images, labels = arrays(1200)
    np.savez(tmp_path / "own.npz", **dict(zip(keys, (images, labels), strict=True)))
    found = digits(tmp_path / "own.npz")
    np.testing.assert_allclose(found.images, images[:1000].reshape(1000, 784) / 255, rtol=1e-6)
    assert found.labels.tolist() == labels[:1000].tolist()


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_as_mnist_has_them(tmp_path, packed):
    images, labels = arrays()
    ending, write = (".gz", gzip.compress) if packed else ("", bytes)
    (tmp_path / f"train-images-idx3-ubyte{ending}").write_bytes(write(idx(images)))
    (tmp_path / f"train-labels-idx1-ubyte{ending}").write_bytes(write(idx(labels)))
    found = digits(tmp_path / f"train-images-idx3-ubyte{ending}")
    np.testing.assert_allclose(found.images, images.reshape(1000, 784) / 255, rtol=1e-6)
    assert found.labels.tolist() == labels.tolist()


IMAGES, LABELS = arrays()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"pictures": IMAGES, "labels": LABELS},
            "the keys 'images' and 'labels' or .* found pictures, labels",
        ),
        ({"images": IMAGES / 255, "labels": LABELS}, "must hold uint8.*got float64 and uint8"),
        ({"images": IMAGES.reshape(1000, 784), "labels": LABELS}, r"images \(N, 28, 28\).*got shapes \(1000, 784\)"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, r"and labels \(N,\)"),
        ({"images": IMAGES[:10], "labels": LABELS[:10]}, "has 10 images, and 1,000 are needed"),
        ({"images": IMAGES, "labels": LABELS + 1}, "labels from 0 to 9, got 10"),
        ({"images": np.array([None]), "labels": LABELS}, "no npz file of plain arrays"),
    ],
)
def test_an_npz_that_does_not_fit_is_refused_in_one_line(tmp_path, content, message):
    np.savez(tmp_path / "own.npz", **content)
    with pytest.raises(UsageError, match=message) as error:
        digits(tmp_path / "own.npz")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "neither an npz file nor an IDX file"),
        (b"hello, world", "neither an npz file nor an IDX file"),
        (idx(IMAGES)[:-5], "cut off"),
        (b"\x00\x00\x08\x03\x00", "cut off"),
        (idx(IMAGES), "no labels beside it"),
        (gzip.compress(idx(IMAGES))[:-30], "no complete gzip file"),
    ],
)
def test_a_file_that_is_no_idx_file_is_refused(tmp_path, content, message):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        digits(tmp_path / "train-images-idx3-ubyte")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*No such file"):
        digits(tmp_path / "none.npz")
    with pytest.raises(UsageError, match=r"cannot read .*directory"):
        digits(tmp_path)


def test_nielsens_numbers_are_all_there():
    """Six epochs of every hidden layer of three nets; the corners as printed in the sources."""
    known = nielsen_norms()
    assert len(known) == 6 * (2 + 3 + 4)
    assert {epoch for _, epoch, _ in known} == {0, 1, 10, 100, 250, 499}
    assert known[2, 0, 1] == 0.065741
    assert known[4, 0, 4] == 0.285139
    assert known[4, 499, 1] == 0.000008

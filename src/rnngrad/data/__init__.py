"""Digits, and numbers that somebody published: the files of this folder, or the user's own."""

import csv
import gzip
import zipfile
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

KEYS = (("images", "labels"), ("x_train", "y_train"))
"""Of an npz file: those of the file that ships here, and those of Keras."""


class Digits(NamedTuple):
    """``images`` (N, 784), grey values from 0 to 1, float32; ``labels`` (N,), 0 to 9."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def fingerprint(self) -> str:
        """The same for the same digits."""
        return sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()[:12]


def digits(path: Path | None = None, count: int = 1000) -> Digits:
    """The first ``count`` images of MNIST's training set; of the file that ships with rnngrad, or of the user's own.

    path: an npz file with images (N, 28, 28) and labels (N,), uint8; or the IDX file of the images, gzipped or not,
    with that of the labels beside it (train-images-idx3-ubyte and train-labels-idx1-ubyte). Raises UsageError, in one
    line, for what is neither or has too few images.
    """
    path = path or Path(str(resources.files(__package__) / "mnist_first1000.npz"))
    try:
        images, labels = _npz(path) if zipfile.is_zipfile(path) else _idx_pair(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    _check(path, images, labels, count)
    greys = images[:count].reshape(count, -1).astype(np.float32) / np.float32(255)
    return Digits(greys, labels[:count].astype(np.int64))


def nielsen_norms() -> dict[tuple[int, int, int], float]:
    """Published norms of bias gradients by (hidden layers, epoch, hidden layer from 1 at the input)."""
    text = (resources.files(__package__) / "nielsen.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {(int(r["hidden_layers"]), int(r["epoch"]), int(r["layer"])): float(r["norm"]) for r in rows}


Pair = tuple[NDArray[np.generic], NDArray[np.generic]]


def _npz(path: Path) -> Pair:
    try:
        with np.load(path, allow_pickle=False) as file:
            for images, labels in KEYS:
                if images in file and labels in file:
                    return file[images], file[labels]
            found = ", ".join(file.files) or "nothing"
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is no npz file of plain arrays: {error}") from None
    wanted = " or ".join(" and ".join(f"'{key}'" for key in pair) for pair in KEYS)
    raise UsageError(f"{path} must have the keys {wanted}, found {found}")


def _idx_pair(path: Path) -> Pair:
    """Images and labels of MNIST's own format, http://yann.lecun.com/exdb/mnist."""
    labels = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    images = _idx(path)
    if labels == path or not labels.exists():
        raise UsageError(
            f"{path} has no labels beside it: expected train-images-idx3-ubyte and train-labels-idx1-ubyte"
        )
    return images, _idx(labels)


def _idx(path: Path) -> NDArray[np.generic]:
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, gzip.BadGzipFile) as error:
        raise UsageError(f"{path} is no complete gzip file: {error}") from None
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise UsageError(f"{path} is neither an npz file nor an IDX file of unsigned bytes")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4) if len(content) >= 4 + 4 * axes else np.array([-1])
    values = np.frombuffer(content, np.uint8, offset=min(len(content), 4 + 4 * axes))
    if values.size != np.prod(shape.astype(np.int64)):
        raise UsageError(f"{path} is cut off: its header announces {tuple(shape.tolist())} values")
    return values.reshape(tuple(shape))


def _check(path: Path, images: NDArray[np.generic], labels: NDArray[np.generic], count: int) -> None:
    """Raises UsageError unless they are digits as MNIST has them, and enough of them."""
    if images.dtype != np.uint8 or labels.dtype != np.uint8:
        raise UsageError(f"{path} must hold uint8, grey values 0 to 255, got {images.dtype} and {labels.dtype}")
    if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise UsageError(
            f"{path} must hold images (N, 28, 28) and labels (N,), got shapes {images.shape} and {labels.shape}"
        )
    if len(images) < count:
        raise UsageError(f"{path} has {len(images)} images, and {count:,} are needed")
    if labels[:count].max(initial=0) > 9:
        raise UsageError(f"{path} must have labels from 0 to 9, got {labels.max()}")

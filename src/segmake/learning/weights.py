"""Weights by name, from whatever file holds them; nothing but tensors and plain values is unpickled."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from segmake.errors import InputError
from segmake.tables import hash_path

PREFIXES = ("module.", "network.", "_orig_mod.")
"""What wrappers (data parallel, frameworks, torch.compile) put before the names of weights."""
DENSE = re.compile(r"(denselayer\d+\.)(?:layers\.)?(norm|conv)\.?(\d)")
"""A layer of a DenseNet as MONAI, torchvision and torchvision's first files call it."""
BUNDLED = "models/model.pt"
"""Where a MONAI bundle keeps its weights."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights by bare name, from a model.pt, a MONAI bundle (folder or zip) or a state dict.

    Raises InputError when the file cannot be read, or holds no weights.
    """
    file = _file(path)
    try:
        content = torch.load(_stream(file), map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{file} cannot be read as weights ({reason}); give a model.pt of segmake, a MONAI bundle, or "
            "what torch.save wrote of a state_dict()"
        ) from error
    weights = _most_tensors(content)
    if not weights:
        raise InputError(f"{file} holds no weights by name; give what torch.save wrote of a state_dict()")
    return {bare(name): value for name, value in weights.items()}


def bare(name: str) -> str:
    """A weight's name without what wrappers put before it, DenseNet's as torchvision has them."""
    while prefix := next((prefix for prefix in PREFIXES if name.startswith(prefix)), ""):
        name = name.removeprefix(prefix)
    return DENSE.sub(r"\1\2\3", name).replace("class_layers.out.", "classifier.")


def _file(path: Path) -> Path:
    """The file itself, or that of a bundle's folder."""
    file = path / BUNDLED if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"init_from: {file} does not exist; give a file, or the folder of a MONAI bundle")
    return file


def _stream(file: Path) -> io.BytesIO | Path:
    """What torch.load reads: torch's files are zips too, but have no models/model.pt in them."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            inside = [name for name in archive.namelist() if f"/{name}".endswith(f"/{BUNDLED}")]
            if inside:
                return io.BytesIO(archive.read(inside[0]))
    return file


def _most_tensors(content: object) -> dict[str, Tensor]:
    """The mapping of names to tensors: the content itself or, in a checkpoint, its largest entry."""
    if not isinstance(content, Mapping):
        return {}
    entries = [content, *(value for value in content.values() if isinstance(value, Mapping))]
    found = [{str(k): v for k, v in entry.items() if isinstance(v, Tensor)} for entry in entries]
    return max(found, key=len)


def identify(path: Path) -> str:
    """SHA-256 of the file that the weights are in."""
    return hash_path(_file(path))

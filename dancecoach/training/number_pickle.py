"""Pickled numbers without pickle's powers.

Some corpora come as pickles. A pickle is a program; here only plain containers, text, numbers and NumPy arrays of
numbers are let through, everything else is refused before it is run. NumPy's own functions are never called by the
file: what it says about an array is checked and the array built from it afterwards. An NPY file that holds one object
is such a pickle behind a heading.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dancecoach.errors import FileFormatError

_LARGEST = 1024**3  # bytes of the file, and of an array
_MOST_STEPS = 5_000_000
_DEEPEST = 8
_NPY = b"\x93NUMPY"
_REMEDY = "Download it again from its publisher."
# Steps that make numbers, text, containers, and call what `find_class` returned. No instances of classes, no
# extensions, no persistent objects, no out-of-band buffers.
_STEPS = frozenset(
    {
        "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK",
        "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET",
        "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4",
        "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
        "BYTEARRAY8",
        "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
        "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST", "APPEND", "APPENDS",
        "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
    }
)  # fmt: skip
_MEMO = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"})


class _Maker:
    """A function the file may call; nothing can be set on it."""

    __slots__ = ("_make",)
    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_make", make)

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError("a function is changed")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a function is changed")


class _Dtype:
    """What the file says an array's numbers, or a single text, are."""

    __slots__ = ("_order", "_text")

    def __init__(self, text: Any, *_: Any) -> None:
        self._text, self._order = text, "<"

    def __setstate__(self, state: Any) -> None:
        self._order = state[1]

    @property
    def holds_anything(self) -> bool:
        return bool(self._text in ("O", "O8"))

    def numbers(self, single: bool) -> np.dtype[Any]:
        known = isinstance(self._text, str) and (
            self._text in _NUMBERS or (single and _TEXTS.fullmatch(self._text) is not None)
        )
        if not known or self._order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"an array of {str(self._text)[:20]}")
        return np.dtype(f"{self._order}{self._text}")


_TEXTS = re.compile(r"[US][1-9][0-9]{0,5}")  # one text, stored as numbers are
_NUMBERS = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f2", "f4", "f8", "b1"}


class _Array:
    """What the file says an array is; `values` once that was checked."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if isinstance(dtype, _Dtype) and dtype.holds_anything and shape == () and isinstance(data, list):
            # One object in an array without sides, as np.save makes of a dictionary: looked at like any other.
            (self.values,) = data
            return
        self.values = _array(data, dtype, shape, "F" if fortran else "C")


def _array(data: Any, dtype: Any, shape: Any, order: Any = "C") -> NDArray[Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("an array of objects")
    if len(shape) > 8 or not all(type(side) is int and 0 <= side <= _LARGEST for side in shape):
        raise pickle.UnpicklingError("an array without a shape")
    numbers = dtype.numbers(single=shape == ())
    if math.prod(shape) * numbers.itemsize != len(data):
        raise pickle.UnpicklingError("an array cut short")
    values = np.frombuffer(data, numbers).reshape(shape, order="F" if order == "F" else "C")
    return values.astype(numbers.newbyteorder("="))


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(data, dtype, ())[()].item()


def _buffered(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.values = _array(data, dtype, shape, order)
    return array


def _reconstruct(kind: Any, *_: Any) -> _Array:
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError("an array of an unknown kind")
    return _Array()


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("text of an unknown encoding")
    return text.encode("latin-1")


def _refuse(*_: Any) -> None:
    raise pickle.UnpicklingError("an array of an unknown kind")


_NDARRAY = _Maker(_refuse)
_ALLOWED = {
    ("_codecs", "encode"): _Maker(_encode),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Maker(_Dtype),
}
for _core in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = _Maker(_reconstruct)
    _ALLOWED[f"{_core}.multiarray", "scalar"] = _Maker(_scalar)
    _ALLOWED[f"{_core}.numeric", "_frombuffer"] = _Maker(_buffered)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name}"[:80]) from None


def read_numbers(path: Path) -> Any:
    """Read a pickle of plain containers, text, numbers and arrays of numbers; also an NPY file that holds one.

    Raises
    ------
    FileFormatError
        When it is damaged, too large, or holds anything else; nothing of it has then been run.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise FileFormatError(f"{path.name} is too large.", _REMEDY)
        data = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"{path.name} cannot be read ({error.strerror}).", "Check its permissions.") from error
    try:
        if data.startswith(_NPY):
            data = _behind_heading(data)
        _inspect(data)
        return _plain(_Unpickler(io.BytesIO(data), encoding="latin1").load(), [_MOST_STEPS])
    except pickle.UnpicklingError as error:
        raise FileFormatError(f"{path.name} holds more than numbers ({error}); it was not read.", _REMEDY) from error
    except Exception as error:  # a hostile file may make the unpickler raise nearly anything
        raise FileFormatError(f"{path.name} cannot be read ({type(error).__name__}).", _REMEDY) from error


def _behind_heading(data: bytes) -> bytes:
    """Return the pickle in an NPY file that holds one object."""
    file = io.BytesIO(data)
    if npy.read_magic(file) != (1, 0):  # type: ignore[no-untyped-call]
        raise pickle.UnpicklingError("an array of an unknown kind")
    shape, _, dtype = npy.read_array_header_1_0(file)  # type: ignore[no-untyped-call]
    if shape != () or dtype.kind != "O":
        raise pickle.UnpicklingError("an array, not one object")
    return file.read()


def _inspect(data: bytes) -> None:
    """Go through the steps without taking them: only those that are allowed, and no memory by mere announcement."""
    for count, (step, argument, _) in enumerate(pickletools.genops(data)):
        if step.name not in _STEPS:
            raise pickle.UnpicklingError(f"step {step.name}")
        if count > _MOST_STEPS or (step.name in _MEMO and int(argument or 0) > _MOST_STEPS):
            raise pickle.UnpicklingError("too many steps")
        if step.name == "GLOBAL" and tuple(str(argument).split(" ", 1)) not in _ALLOWED:
            raise pickle.UnpicklingError(str(argument)[:80])


def _plain(value: Any, budget: list[int], depth: int = 0) -> Any:
    """Return what was read with its arrays as arrays; of at most `budget[0]` parts."""
    budget[0] -= 1  # a part may be used in many places: a small file can stand for very many
    if depth > _DEEPEST or budget[0] < 0:
        raise pickle.UnpicklingError("containers in containers without end")
    if isinstance(value, _Array):
        if value.values is None:
            raise pickle.UnpicklingError("an array without values")
        if isinstance(value.values, np.ndarray):
            return value.values
        return _plain(value.values, budget, depth + 1)
    if isinstance(value, dict):
        return {_key(key): _plain(each, budget, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, budget, depth + 1) for each in value]
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    raise pickle.UnpicklingError(type(value).__name__)


def _key(key: Any) -> str | int:
    if not isinstance(key, str | int):
        raise pickle.UnpicklingError("a dictionary of an unknown kind")
    return key

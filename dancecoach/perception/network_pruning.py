"""Cuts out of a TensorFlow Lite network what only an output needs that nobody asks for.

A network computes all its outputs whether they are used or not. The file is a flatbuffer
(`tensorflow/lite/schema/schema.fbs`); operators are taken off its list, everything else stays where it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from flatbuffers.number_types import Int32Flags
from flatbuffers.table import Table

# Numbers of the fields in the schema's tables.
_MODEL_SUBGRAPHS = 2
_GRAPH_TENSORS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 2, 3
_OPERATOR_INPUTS, _OPERATOR_OUTPUTS = 1, 2
_TENSOR_SHAPE = 0
_WORD = 4  # bytes
_VTABLE_START = 4  # bytes; where a table's list of its fields has the first


def without_output(model: bytes, shape: tuple[int, ...]) -> bytes:
    """Return `model` without the operators that only its outputs of this `shape` need.

    The number of outputs stays: those cut off give another output's values instead. A model without such an output,
    or with no other, is returned as it is. Raises ValueError when it is no such file.
    """
    data = bytearray(model)
    try:
        (start,) = struct.unpack_from("<I", data, 0)
        graph = _tables(Table(data, start), _MODEL_SUBGRAPHS)[0]
        tensors, operators = _tables(graph, _GRAPH_TENSORS), _tables(graph, _GRAPH_OPERATORS)
        outputs = _numbers(graph, _GRAPH_OUTPUTS)
        wanted = [each for each in outputs if tuple(_numbers(tensors[each], _TENSOR_SHAPE)) != shape]
        if len(wanted) == len(outputs) or not wanted:
            return model
        needed = _needed(operators, wanted)
        first = graph.Vector(_field(graph, _GRAPH_OUTPUTS))
        for place, each in enumerate(outputs):
            struct.pack_into("<i", data, first + _WORD * place, each if each in wanted else wanted[-1])
        first = graph.Vector(_field(graph, _GRAPH_OPERATORS))
        struct.pack_into("<I", data, first - _WORD, len(needed))
        for place, index in enumerate(needed):
            # Tables are told by their distance from the place where they are told.
            struct.pack_into("<I", data, first + _WORD * place, operators[index].Pos - (first + _WORD * place))
    except (struct.error, IndexError, KeyError) as error:
        raise ValueError("not a TensorFlow Lite network") from error
    return bytes(data)


def _needed(operators: list[Table], outputs: Iterable[int]) -> list[int]:
    """Return the operators, in their order, without which the tensors `outputs` would not be computed."""
    maker = {tensor: index for index, each in enumerate(operators) for tensor in _numbers(each, _OPERATOR_OUTPUTS)}
    needed: set[int] = set()
    waiting = [maker[tensor] for tensor in outputs]
    while waiting:
        index = waiting.pop()
        if index not in needed:
            needed.add(index)
            waiting += [maker[tensor] for tensor in _numbers(operators[index], _OPERATOR_INPUTS) if tensor in maker]
    return sorted(needed)


def _field(table: Table, number: int) -> int:
    """Return where field `number` of a table is, from its start; 0 when it is left out."""
    return int(table.Offset(_VTABLE_START + 2 * number))


def _tables(table: Table, number: int) -> list[Table]:
    where = _field(table, number)
    if not where:
        return []
    first = table.Vector(where)
    return [Table(table.Bytes, table.Indirect(first + _WORD * each)) for each in range(table.VectorLen(where))]


def _numbers(table: Table, number: int) -> list[int]:
    where = _field(table, number)
    if not where:
        return []
    first = table.Vector(where)
    return [table.Get(Int32Flags, first + _WORD * each) for each in range(table.VectorLen(where))]

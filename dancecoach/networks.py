"""Small ONNX networks, run where they are quickest: on one processor core."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def one_core_session(model: Path | bytes) -> Any:
    """Return an ONNX Runtime session of a file, or of what was in one, on one processor core.

    Raises whatever ONNX Runtime raises when it is no model.
    """
    # ONNX Runtime takes a fifth of a second to import; who needs no network does not wait for it.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Networks this small are slower to send to a GPU than to compute.
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

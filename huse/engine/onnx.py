"""Networks in ONNX files, run by onnxruntime on the CPU; torch is not needed.

The library is imported where it is used: the models of the pipeline do without it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from huse.engine.threads import threads
from huse.errors import InputError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

INSTALL = "Run `pip install onnxruntime`, or `pip install 'huse[export]'`."


def open_graph(file: Path) -> "InferenceSession":
    """Read a graph; the same inputs give the same bytes.

    Raises:
        InputError: onnxruntime is not installed, or cannot read the file.
    """
    try:
        import onnxruntime  # noqa: PLC0415  only where used
    except ImportError:
        raise InputError(f"onnxruntime is not installed, which {file} needs. {INSTALL}") from None
    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads, how.inter_op_num_threads = threads(), 1
    how.use_deterministic_compute = True
    how.log_severity_level = 3  # errors; it warns of every new kind of machine
    # Threads that wait in a loop take the cores from whatever else runs, such as the decoding of pictures.
    how.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(file, how, providers=["CPUExecutionProvider"])
    except Exception as error:  # of many kinds, none of them public
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{file}: onnxruntime cannot read it ({reason}). Export the model again.") from None


def run_graph(graph: "InferenceSession", **inputs: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Return all outputs of a graph for its inputs."""
    found: list[npt.NDArray[Any]] = graph.run(None, inputs)
    return found

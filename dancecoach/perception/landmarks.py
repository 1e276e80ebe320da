"""BlazePose, run region by region: where people are in a picture, and the 33 landmarks of each.

The weights and the two networks' graphs come in mediapipe's own wheel. They are run through mediapipe's calculator
graph rather than its ready-made tasks, because those filter the landmarks over time (which delays them), cannot be
told whom to follow, and run the detector on every picture as soon as there may be two people.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
from google.protobuf import text_format
from mediapipe.framework import calculator_pb2
from mediapipe.framework.formats import rect_pb2
from mediapipe.python import _framework_bindings as bindings
from mediapipe.python import packet_creator, packet_getter

from dancecoach.errors import DancecoachError
from dancecoach.perception.network_pruning import without_output
from dancecoach.types import Floats, Image

os.environ.setdefault("GLOG_minloglevel", "2")  # the networks' start-up chatter helps nobody


LANDMARK_COUNT = 33
_UNUSABLE = (
    "The pose networks cannot be loaded from mediapipe.",
    "Install mediapipe 0.10.21 again, the newest release that carries them.",
)
# A landmark outside the picture was extrapolated, not seen; this much is tolerated at the edge.
_OUTSIDE = 0.03
# The networks look at a square a quarter larger than the circle around the body.
_ROOM = 1.25

_DETECTOR = """
input_stream: "image"
output_stream: "detections"
node { calculator: "PoseDetectionCpu" input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections" }
"""
# As mediapipe's `PoseLandmarkByRoiCpu`, but with the network given: its segmentation is a third of the work.
_LANDMARKS = """
input_stream: "image"
input_stream: "region"
input_side_packet: "network"
output_stream: "landmarks"
output_stream: "circle"
output_stream: "world"
node { calculator: "ImagePropertiesCalculator" input_stream: "IMAGE:image" output_stream: "SIZE:size" }
node {
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  input_stream: "NORM_RECT:region"
  output_stream: "TENSORS:seen"
  output_stream: "LETTERBOX_PADDING:padding"
  output_stream: "MATRIX:matrix"
  options {
    [mediapipe.ImageToTensorCalculatorOptions.ext] {
      output_tensor_width: 256
      output_tensor_height: 256
      keep_aspect_ratio: true
      output_tensor_float_range { min: 0.0 max: 1.0 }
    }
  }
}
node {
  calculator: "TfLiteModelCalculator"
  input_side_packet: "MODEL_BLOB:network"
  output_side_packet: "MODEL:model"
}
node {
  calculator: "InferenceCalculator"
  input_side_packet: "MODEL:model"
  input_stream: "TENSORS:seen"
  output_stream: "TENSORS:said"
  options { [mediapipe.InferenceCalculatorOptions.ext] { delegate { xnnpack { num_threads: 1 } } } }
}
node {
  calculator: "TensorsToPoseLandmarksAndSegmentation"
  input_stream: "TENSORS:said"
  output_stream: "LANDMARKS:region_landmarks"
  output_stream: "AUXILIARY_LANDMARKS:region_circle"
  output_stream: "WORLD_LANDMARKS:region_world"
  output_stream: "SEGMENTATION_MASK:region_mask"
}
node {
  calculator: "PoseLandmarksAndSegmentationInverseProjection"
  input_stream: "IMAGE_SIZE:size"
  input_stream: "NORM_RECT:region"
  input_stream: "LETTERBOX_PADDING:padding"
  input_stream: "MATRIX:matrix"
  input_stream: "LANDMARKS:region_landmarks"
  input_stream: "AUXILIARY_LANDMARKS:region_circle"
  input_stream: "WORLD_LANDMARKS:region_world"
  input_stream: "SEGMENTATION_MASK:region_mask"
  output_stream: "LANDMARKS:landmarks"
  output_stream: "AUXILIARY_LANDMARKS:circle"
  output_stream: "WORLD_LANDMARKS:world"
}
"""
_NETWORK = "modules/pose_landmark/pose_landmark_full.tflite"  # in mediapipe's package
_MASK = (1, 256, 256, 1)  # shape of the segmentation


@dataclass(frozen=True, slots=True)
class Region:
    """A turned square in a picture: `x`, `y` centre in pixels, `size` pixels, `rotation` radians."""

    x: float
    y: float
    size: float
    rotation: float

    def overlap(self, other: Region) -> float:
        """Return 0…1, how far two regions cover each other: 1 − distance of centres over the mean half size."""
        reach = (self.size + other.size) / 4
        return max(0.0, 1.0 - math.hypot(self.x - other.x, self.y - other.y) / max(reach, 1e-6))


@dataclass(frozen=True, slots=True)
class Detection:
    """One person in one picture.

    `image` (33, 2) 0…1, x right, y down; `world` (33, 3) m, hip-centred, x right, y up, z towards the camera;
    `visibility` (33,) 0…1, zero outside the picture; `region` where to look for this person in the next picture.
    """

    image: Floats
    world: Floats
    visibility: Floats
    region: Region

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the landmarks, 0…1."""
        low, high = self.image.min(axis=0), self.image.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keep the networks' start-up chatter, written past Python, off the terminal."""
    try:
        sys.stderr.flush()
        terminal = os.dup(2)
    except (OSError, AttributeError, ValueError):
        yield  # no terminal to keep clean
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


class _Graph:
    """A running calculator graph: packets in, the outputs of the same picture out."""

    def __init__(self, config: str, outputs: tuple[str, ...], side_packets: dict[str, Any]) -> None:
        bindings.resource_util.set_resource_dir(str(Path(mediapipe.__file__).parent.parent))
        parsed = calculator_pb2.CalculatorGraphConfig()
        text_format.Parse(config, parsed)
        self._graph = bindings.calculator_graph.CalculatorGraph(graph_config=parsed)
        self._results: dict[str, Any] = {}
        self._tick = 0
        for name in outputs:
            self._graph.observe_output_stream(name, self._keep(name), True)
        try:
            with _silenced():
                self._graph.start_run(side_packets)
                self._graph.wait_until_idle()
        except (RuntimeError, ValueError, OSError) as error:
            raise DancecoachError(*_UNUSABLE) from error

    def _keep(self, name: str) -> Any:
        def keep(_stream: str, packet: Any) -> None:
            self._results[name] = packet

        return keep

    def run(self, **packets: Any) -> dict[str, Any]:
        """Feed one picture's packets, wait, and return the packets that came out, without the empty ones."""
        if self._tick == 0:
            with _silenced():
                return self._run(packets)
        return self._run(packets)

    def _run(self, packets: dict[str, Any]) -> dict[str, Any]:
        self._tick += 1
        stamp = bindings.timestamp.Timestamp(self._tick)
        self._results = {}
        for name, packet in packets.items():
            self._graph.add_packet_to_input_stream(name, packet.at(stamp))
        self._graph.wait_until_idle()
        return {name: packet for name, packet in self._results.items() if not packet.is_empty()}

    def close(self) -> None:
        self._graph.close_all_packet_sources()
        self._graph.wait_until_done()


class PersonDetector:
    """Finds the regions of all persons in a picture; about 12 ms on one core."""

    def __init__(self) -> None:
        self._graph = _Graph(_DETECTOR, ("detections",), {})

    def detect(self, picture: Image) -> list[Region]:
        """Return a region per person in `picture` (H, W, 3) RGB, best first."""
        results = self._graph.run(image=_packet(picture))
        if "detections" not in results:
            return []
        regions = []
        for detection in packet_getter.get_proto_list(results["detections"]):
            centre, rim = detection.location_data.relative_keypoints[:2]
            regions.append(_region(picture, centre.x, centre.y, rim.x, rim.y))
        return regions

    def close(self) -> None:
        """Release the network."""
        self._graph.close()


class Landmarker:
    """Finds the landmarks of the person in a region; about 14 ms on one core. Keeps no memory of earlier pictures."""

    def __init__(self) -> None:
        try:
            network = without_output((Path(mediapipe.__file__).parent / _NETWORK).read_bytes(), _MASK)
        except (OSError, ValueError) as error:
            raise DancecoachError(*_UNUSABLE) from error
        self._graph = _Graph(
            _LANDMARKS, ("landmarks", "circle", "world"), {"network": packet_creator.create_string(network)}
        )

    def detect(self, picture: Image, region: Region) -> Detection | None:
        """Return the person in `region` of `picture` (H, W, 3) RGB; None when the network sees nobody there."""
        height, width = picture.shape[:2]
        rectangle = rect_pb2.NormalizedRect(
            x_center=region.x / width,
            y_center=region.y / height,
            width=region.size / width,
            height=region.size / height,
            rotation=region.rotation,
        )
        results = self._graph.run(image=_packet(picture), region=packet_creator.create_proto(rectangle))
        if len(results) < 3:
            return None
        points = packet_getter.get_proto(results["landmarks"]).landmark
        world = packet_getter.get_proto(results["world"]).landmark
        centre, rim = packet_getter.get_proto(results["circle"]).landmark[:2]
        table = np.array([(point.x, point.y, point.visibility) for point in points], dtype=np.float64)
        image = table[:, :2]
        outside = np.any((image < -_OUTSIDE) | (image > 1 + _OUTSIDE), axis=1)
        return Detection(
            image=image,
            world=np.array([(point.x, -point.y, -point.z) for point in world], dtype=np.float64),
            visibility=np.where(outside, 0.0, np.clip(table[:, 2], 0.0, 1.0)),
            region=_region(picture, centre.x, centre.y, rim.x, rim.y),
        )

    def close(self) -> None:
        """Release the network."""
        self._graph.close()


def _packet(picture: Image) -> Any:
    return packet_creator.create_image_frame(
        data=np.ascontiguousarray(picture), image_format=mediapipe.ImageFormat.SRGB
    )


def _region(picture: Image, x: float, y: float, rim_x: float, rim_y: float) -> Region:
    """Return the region of a body whose circle has this centre and topmost point (0…1)."""
    height, width = picture.shape[:2]
    across, down = (rim_x - x) * width, (rim_y - y) * height
    rotation = math.pi / 2 - math.atan2(-down, across)
    rotation -= 2 * math.pi * math.floor((rotation + math.pi) / (2 * math.pi))
    return Region(x * width, y * height, 2 * _ROOM * math.hypot(across, down), rotation)

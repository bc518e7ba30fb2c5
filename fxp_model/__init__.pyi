# The public names and their homes; `__init__.py` loads them when they are used.
from .artifact import Artifact, load_artifact, save_artifact
from .data import frames_for, load_frames, open_dataset
from .detector import Detector, DetectorSpec
from .ear.engine import EarEngine
from .ear.model import Ear
from .ear.spec import EarSpec
from .engine import Engine
from .errors import InputError
from .evaluation import evaluate
from .fixed import Overflow, QFormat, Rounding, requantize
from .network import Network, StageParams, run
from .pretrained import bundled, find
from .spec import (
    Answer,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
    SynapseSpec,
)
from .trace import Answers, Trace

__version__: str

__all__ = [
    "Answer",
    "Answers",
    "Artifact",
    "Detector",
    "DetectorSpec",
    "Ear",
    "EarEngine",
    "EarSpec",
    "Engine",
    "InputError",
    "LayerSpec",
    "Network",
    "NetworkSpec",
    "Overflow",
    "QFormat",
    "ReadoutMode",
    "ReadoutSpec",
    "RecurrenceKind",
    "RecurrenceSpec",
    "ResetMode",
    "Rounding",
    "StageParams",
    "SynapseSpec",
    "Trace",
    "bundled",
    "evaluate",
    "find",
    "frames_for",
    "load_artifact",
    "load_frames",
    "open_dataset",
    "requantize",
    "run",
    "save_artifact",
]

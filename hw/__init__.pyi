# The public names and their modules; `__init__.py` loads them on first use.
from .build import build_core
from .config import PRESETS, HardwareConfig, StageConfig
from .estimates.latency import clip_cycles, clip_intervals, event_counts
from .estimates.resources import Estimate, estimate
from .parts import PARTS
from .protocol import encode_answers, encode_result, encode_sample
from .registers import register_map
from .verilog import EmittedCore, emit

__all__ = [
    "PARTS",
    "PRESETS",
    "EmittedCore",
    "Estimate",
    "HardwareConfig",
    "StageConfig",
    "build_core",
    "clip_cycles",
    "clip_intervals",
    "emit",
    "encode_answers",
    "encode_result",
    "encode_sample",
    "estimate",
    "event_counts",
    "register_map",
]

# The public names and their homes; `__init__.py` loads them when they are used.
from .asked import Asked
from .calibration import read_calibration
from .comparison import losses
from .description import FloatNetwork, FloatStage, run_float, with_readout
from .importing import import_network
from .nir_write import nir_bytes, nir_graph
from .quantize import Widths, assumed_ranges, quantized, ranges_of
from .read import read_network
from .search import search_widths

__all__ = [
    "Asked",
    "FloatNetwork",
    "FloatStage",
    "Widths",
    "assumed_ranges",
    "import_network",
    "losses",
    "nir_bytes",
    "nir_graph",
    "quantized",
    "ranges_of",
    "read_calibration",
    "read_network",
    "run_float",
    "search_widths",
    "with_readout",
]

"""Data as spike counts: audio, SHD and SSC, arrays of counts; the encoders and their cache."""

from fxp_model.data.arrays import ArrayDataset, CountArrays
from fxp_model.data.artifact_frames import frames_for
from fxp_model.data.audio import read_audio
from fxp_model.data.binner import EventBinner
from fxp_model.data.catalog import Dataset, open_dataset
from fxp_model.data.conditions import Conditions
from fxp_model.data.dataset import Clip, SpeechDataset
from fxp_model.data.frames import EncodedSplit, FrameEncoder, encode_file, encoder_for, load_frames
from fxp_model.data.noise import Noise, Part, open_noise
from fxp_model.data.scenes import Scenes, SceneSpec
from fxp_model.data.spikes import SpikeDataset
from fxp_model.data.synthetic import synthesise
from fxp_model.data.tonic import write_tonic

__all__ = [
    "ArrayDataset",
    "Clip",
    "Conditions",
    "CountArrays",
    "Dataset",
    "EncodedSplit",
    "EventBinner",
    "FrameEncoder",
    "Noise",
    "Part",
    "SceneSpec",
    "Scenes",
    "SpeechDataset",
    "SpikeDataset",
    "encode_file",
    "encoder_for",
    "frames_for",
    "load_frames",
    "open_dataset",
    "open_noise",
    "read_audio",
    "synthesise",
    "write_tonic",
]

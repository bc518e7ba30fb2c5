"""Speech as spike counts: sound files, data sets, the cochlear encoder and its cache."""

from fxp_model.data.artifact_frames import frames_for
from fxp_model.data.audio import read_audio
from fxp_model.data.catalog import open_dataset
from fxp_model.data.dataset import Clip, SpeechDataset
from fxp_model.data.encoder import CochlearEncoder
from fxp_model.data.frames import EncodedSplit, encode_file, load_frames
from fxp_model.data.synthetic import synthesise

__all__ = [
    "Clip",
    "CochlearEncoder",
    "EncodedSplit",
    "SpeechDataset",
    "encode_file",
    "frames_for",
    "load_frames",
    "open_dataset",
    "read_audio",
    "synthesise",
]

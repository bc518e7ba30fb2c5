"""The ear: from the samples of a microphone to the events of a network, in integers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"engine": ["EarEngine"], "model": ["Ear"], "spec": ["EarSpec"]}
)

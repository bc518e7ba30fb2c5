"""Data-parallel training in several processes (`torchrun`): each takes a share of every batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist
from torch import Tensor


@contextmanager
def launched() -> Iterator[None]:
    """Join the processes started by `torchrun`, over gloo; does nothing outside `torchrun`."""
    if not dist.is_torchelastic_launched():
        yield
        return
    dist.init_process_group("gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def shares() -> tuple[int, int]:
    """Rank of this process and number of processes; (0, 1) outside `torchrun`."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def all_sum(tensor: Tensor) -> Tensor:
    """Sum of `tensor` over the processes, in all of them; not differentiable."""
    if shares()[1] > 1:
        tensor = tensor.clone()
        dist.all_reduce(tensor)
    return tensor


@contextmanager
def first_alone() -> Iterator[bool]:
    """Process 0 runs the block before the others; yields whether this is process 0."""
    rank, world = shares()
    if world > 1 and rank > 0:
        dist.barrier()
    yield rank == 0
    if world > 1 and rank == 0:
        dist.barrier()

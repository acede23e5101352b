"""The processes that share a scoring or a training, and the cores that they share on a machine."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

HOURS_TO_WAIT_FOR_A_PROCESS: Final = 24


def make_accelerator() -> Accelerator:
    """Return the Accelerator of a scoring; a slow process may lag behind by hours."""
    from accelerate import Accelerator

    return Accelerator(kwargs_handlers=[_wait_for_hours()])


def make_training_accelerator() -> Accelerator:
    """Return the Accelerator of a training; processes on one machine share its cores."""
    import torch
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.utils import DataLoaderConfiguration

    if count_local_processes() > 1 and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(default_workers())
    return Accelerator(
        # A batch is divided among the processes, so the recipe is the same for any number of them.
        dataloader_config=DataLoaderConfiguration(split_batches=True),
        kwargs_handlers=[
            _wait_for_hours(),
            # A backbone from transformers may bring layers that a detector does not use.
            DistributedDataParallelKwargs(find_unused_parameters=True),
        ],
    )


def _wait_for_hours() -> InitProcessGroupKwargs:
    """Return how long a process waits for the others before it gives up."""
    from accelerate.utils import InitProcessGroupKwargs

    return InitProcessGroupKwargs(timeout=timedelta(hours=HOURS_TO_WAIT_FOR_A_PROCESS))


def default_workers() -> int:
    """Return one thread for each core that this process may use, its share of the machine's."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, cores // count_local_processes())


def default_memory_bytes() -> int:
    """Return the share of a process in half of the machine's memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return memory // 2 // count_local_processes()


def count_local_processes() -> int:
    """Return how many processes of this run are on this machine, this one included."""
    return max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))

"""How many processor cores the libraries of this process use: as many as its job was given.

Told nothing, each library starts a thread per core of the machine; the worker processes of a job, and the
jobs beside it, would then fight for the same cores. Told in the process: no environment variable decides.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType

from threadpoolctl import threadpool_info, threadpool_limits

Switch = tuple[Callable[[ModuleType], int], Callable[[ModuleType, int], object]]
SWITCHES: dict[str, Switch] = {
    "torch": (lambda torch: torch.get_num_threads(), lambda torch, count: torch.set_num_threads(count)),
    "SimpleITK": (
        lambda sitk: sitk.ProcessObject.GetGlobalDefaultNumberOfThreads(),
        lambda sitk, count: sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count),
    ),
    "blosc2": (lambda blosc2: blosc2.nthreads, lambda blosc2, count: blosc2.set_nthreads(count)),
    "numexpr": (lambda numexpr: numexpr.nthreads, lambda numexpr, count: numexpr.set_num_threads(count)),
}
"""How each library with threads of its own is asked and told; BLAS and OpenMP are found by threadpoolctl."""


def use_cores(count: int) -> None:
    """Let every library that is loaded use so many threads from here on."""
    threadpool_limits(count)
    for name, (_, tell) in SWITCHES.items():
        if name in sys.modules:
            tell(sys.modules[name], count)


@contextmanager
def limited(count: int) -> Iterator[None]:
    """Let every library that is loaded use so many threads inside the block, in forked processes too."""
    with ExitStack() as after:
        after.enter_context(threadpool_limits(count))
        for name, (ask, tell) in SWITCHES.items():
            if name in sys.modules:
                module = sys.modules[name]
                after.callback(tell, module, ask(module))
                tell(module, count)
        yield


def cores_in_use() -> dict[str, int]:
    """Threads that each loaded library would use."""
    found = {str(entry["prefix"]): int(entry["num_threads"]) for entry in threadpool_info()}
    asked = {name: ask for name, (ask, _) in SWITCHES.items() if name in sys.modules}
    return found | {name: ask(sys.modules[name]) for name, ask in asked.items()}

"""Compiled kernels: the only files of the engine that import Numba."""

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

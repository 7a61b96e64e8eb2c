"""Executing a graph with real numbers on the CPU. Numba is loaded by compiling a graph, not by importing."""

from accelsim.engine.executable import Executable, Run, compile

__all__ = ["Executable", "Run", "compile"]

"""How long an exact front takes: `python benchmarks/pareto.py [POINTS]`, three objectives, one of them maximised.

Clouds: uniform in a cube (a small front), on a sphere (every point is on the front), and whole numbers (many ties).
"""

from __future__ import annotations

import sys
import time

import numpy as np

from accelsim.results.pareto import on_front


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(0)
    cube = rng.random((count, 3))
    sphere = np.abs(rng.normal(size=(count, 3)))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    sphere[:, 2] *= -1
    clouds = {"cube": cube, "sphere": sphere, "whole numbers": np.floor(100 * cube)}
    on_front(cube[:1000], [False, False, True])
    print(f"{count:,} points\n{'cloud':16}{'front':>12}{'wall s':>10}{'CPU s':>10}")
    for name, points in clouds.items():
        wall, cpu = time.perf_counter(), time.process_time()
        front = on_front(points, [False, False, True])
        print(f"{name:16}{front.sum():>12,}{time.perf_counter() - wall:10.2f}{time.process_time() - cpu:10.2f}")


if __name__ == "__main__":
    main()

"""Scripts for job arrays: each job runs one shard of a sweep into the same folder."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

_COMMAND = 'accelsim sweep {file} --out {folder} --shard "{index}/{shards}" --jobs {jobs} --quiet'


def job_array(system: str, *, file: str, folder: Path, name: str, shards: int, jobs: int) -> str:
    """The script that submits `shards` jobs to `system` (a key of SYSTEMS), each with `jobs` cores."""
    head, index = SYSTEMS[system](name, shards, jobs)
    command = _COMMAND.format(
        file=shlex.quote(file), folder=shlex.quote(str(folder)), index=index, shards=shards, jobs=jobs
    )
    return "\n".join(["#!/bin/sh", *head, "set -eu", command, ""])


def _slurm(name: str, shards: int, jobs: int) -> tuple[list[str], str]:
    head = [f"#SBATCH --job-name={name}", f"#SBATCH --array=1-{shards}", f"#SBATCH --cpus-per-task={jobs}"]
    return [*head, f"#SBATCH --output={name}-%a.log"], "${SLURM_ARRAY_TASK_ID}"


def _lsf(name: str, shards: int, jobs: int) -> tuple[list[str], str]:
    head = [f'#BSUB -J "{name}[1-{shards}]"', f"#BSUB -n {jobs}", '#BSUB -R "span[hosts=1]"']
    return [*head, f"#BSUB -o {name}-%I.log"], "${LSB_JOBINDEX}"


def _sge(name: str, shards: int, jobs: int) -> tuple[list[str], str]:
    head = [f"#$ -N {name}", f"#$ -t 1-{shards}", f"#$ -pe smp {jobs}", "#$ -cwd", "#$ -S /bin/sh"]
    return [*head, "#$ -j y"], "${SGE_TASK_ID}"


SYSTEMS: dict[str, Callable[[str, int, int], tuple[list[str], str]]] = {"slurm": _slurm, "lsf": _lsf, "sge": _sge}

"""s6flow experiment {lm,reorder,prepare} ..., also python -m s6flow.numeric.experiments ..."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from s6flow.errors import FormatError, MissingDependencyError, S6FlowError

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """Bad arguments are one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise FormatError(message, remedy=f"Try {self.prog} --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="s6flow experiment", description="Train and measure the two refinements.")
    commands = parser.add_subparsers(dest="command", required=True)
    for kind in ("lm", "reorder"):
        run = commands.add_parser(kind, help=f"run or resume the {kind} grid")
        run.add_argument("--config", help="shipped name or TOML file (default: by device)")
        run.add_argument("--out", required=True, help="folder of the grid; the same folder resumes")
        run.add_argument("--data", help="folder of prepared data")
        run.add_argument("--device", choices=("cpu", "cuda"))
        run.add_argument("--workers", type=int, help="training processes on each GPU")
        run.add_argument("--minutes", type=float, help="stop cleanly after so long")
        run.add_argument("--seeds", help="comma-separated, instead of the configuration's")
        run.add_argument("--conditions", help="comma-separated, instead of the configuration's")
        run.add_argument("--weights", help="copy the shipped checkpoints to this folder")
        run.add_argument("--archive", help="write results and logs to this tar.gz")
    make = commands.add_parser("prepare", help="write classification data for another machine")
    make.add_argument("--config", required=True)
    make.add_argument("--data", required=True)
    return parser


def _commands() -> tuple[Any, Any]:
    """`prepare` and `run_experiment`.

    Raises: MissingDependencyError: without PyTorch.
    """
    try:
        from s6flow.numeric.experiments.launch import prepare, run_experiment
    except ModuleNotFoundError as error:
        remedy = "Run pip install 's6flow[experiments]'."
        raise MissingDependencyError("experiments need PyTorch", f"no {error.name}", "", remedy) from None
    return prepare, run_experiment


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; 0 when the grid is finished (or a rank's share of it), 3 when time ran out, 1 for an error."""
    try:
        args = _parser().parse_args(argv)  # --help needs no PyTorch
        prepare, run_experiment = _commands()
        if args.command == "prepare":
            print(prepare(args.config, args.data).name)
            return 0
        config = Path(args.config).stem if args.config else "default"  # results name no path of a machine
        words = ["--config", config, "--workers", str(args.workers or "default")]
        result = run_experiment(
            args.command,
            args.config,
            args.out,
            data=args.data,
            device=args.device,
            workers=args.workers,
            minutes=args.minutes,
            seeds=[int(seed) for seed in args.seeds.split(",")] if args.seeds else None,
            conditions=args.conditions.split(",") if args.conditions else None,
            weights=args.weights,
            archive=args.archive,
            command=" ".join(["python -m s6flow.numeric.experiments", args.command, *words]),
        )
    except S6FlowError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    unfinished = result is None or result["missing"]
    if ranks > 1 and unfinished:  # other ranks still run; a code other than 0 would make torchrun end them
        return 0
    if result is None or unfinished:
        print(
            "stopped; the same command resumes:", "nothing finished" if result is None else ", ".join(result["missing"])
        )
        return 3
    for name, condition in result["conditions"].items():
        key = "test.bits_per_byte" if result["experiment"] == "lm" else "test.accuracy"
        print(f"{name:32s} {key} {condition['metrics'][key]['mean']:.4f} {condition['metrics'][key]['interval']}")
    for claim in result["claims"]:
        print(f"{claim['source']:8s} {claim['id']:44s} {claim['verdict']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

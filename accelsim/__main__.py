"""`python -m accelsim`, and the program `accelsim`: an interrupt while Python still imports ends like any other."""

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from accelsim.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        print("accelsim: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

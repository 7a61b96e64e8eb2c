"""SIGTERM that comes while compiled code runs, which may make another error of the exception."""

from __future__ import annotations

import os
import signal
import time

import click
import pytest

from accelsim.cli import main as program


def test_an_error_made_of_a_termination_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def invoke(context: click.Context) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except SystemExit:
            raise SystemError("returned a result with an exception set") from None

    monkeypatch.setattr(program.cli, "invoke", invoke)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert program.main(["list"]) == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "bug" not in capsys.readouterr().err

"""How long the page of a sweep takes to open: `python benchmarks/page.py [STORE_OR_RUN]`.

Without a folder, 100,000 points of m3vit-tiny are swept first. Prints the size of the page, and over five openings in
a headless Chromium the medians of: seconds until it is loaded, until the first picture is drawn, CPU time of the tab,
and the number of requests.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

ROUNDS = 5
SWEEP = Path(__file__).with_name("page.yaml")


def accelsim(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "accelsim", *words], check=True)


def opening(browser: Browser, file: Path) -> tuple[float, float, float, int]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    start = time.perf_counter()
    page.goto(file.as_uri(), timeout=120_000)
    loaded = time.perf_counter() - start
    page.wait_for_selector(".plot[data-drawn]", timeout=120_000)
    drawn = time.perf_counter() - start
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    context.close()
    return loaded, drawn, float(metrics["ProcessTime"]), len(requests)


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else made)
        if len(sys.argv) == 1:
            accelsim("sweep", str(SWEEP), "--out", str(folder / "store"), "--jobs", "2")
            folder = folder / "store"
        file = Path(made) / "page.html"
        accelsim("report", str(folder), "--html", str(file))
        with sync_playwright() as playwright:
            program = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            columns = list(zip(*(opening(browser, file) for _ in range(ROUNDS)), strict=True))
            browser.close()
        print(f"{file.stat().st_size / 1e6:.1f} MB")
        for label, values in zip(("s loaded", "s first picture", "s CPU", "requests"), columns, strict=True):
            print(f"{median(values):6.2f} {label}")


if __name__ == "__main__":
    main()

"""Record a terminal in which ``train.py`` runs, as an animated SVG: python docs/img/record.py.

Needs pyte and scikit-learn. The checkpoint of the run is then made a report, whose top is
photographed by a browser (Chromium with its driver, and Selenium).
"""

import fcntl
import html
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte

HERE = Path(__file__).parent
COLUMNS, ROWS = 84, 30
WIDTH, HEIGHT = 8.0, 17.0
LEAST = 0.8
"""Seconds between two frames."""
FASTER = 4
"""How much faster than it was the recording plays."""


def record(command: list[str]) -> list[tuple[float, list[str]]]:
    """Run a command in a terminal; what its screen showed, and when."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(HERE.parents[1])}
    env.pop("COLUMNS", None)
    frames: list[tuple[float, list[str]]] = []
    start = time.monotonic()
    with subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=env) as process:
        os.close(child)
        while True:
            try:
                part = os.read(parent, 65536)
            except OSError:
                break
            if not part:
                break
            stream.feed(part)
            now = time.monotonic() - start
            lines = [line.rstrip() for line in screen.display]
            if frames and now - frames[-1][0] < LEAST:
                frames[-1] = (frames[-1][0], lines)
            else:
                frames.append((now, lines))
    os.close(parent)
    assert process.returncode == 0, "\n".join(frames[-1][1])
    return frames


def to_svg(frames: list[tuple[float, list[str]]], title: str) -> str:
    """An SVG that shows the frames one after the other, and the last one for a while."""
    first = frames[0][0]
    times = [(when - first) / FASTER for when, _ in frames]
    total = times[-1] + 6
    height = (ROWS + 2) * HEIGHT + 20
    rules, groups = [], []
    for number, (when, (_, lines)) in enumerate(zip(times, frames, strict=True)):
        until = times[number + 1] if number + 1 < len(times) else total
        begin, end = 100 * when / total, 100 * until / total
        shown = f"{begin:.2f}%,{max(begin, end - 0.01):.2f}%{{visibility:visible}}"
        rules.append(
            f"@keyframes f{number}{{0%,{max(0, begin - 0.01):.2f}%{{visibility:hidden}}"
            f"{shown}{end:.2f}%,100%{{visibility:hidden}}}}"
            f"#f{number}{{animation:f{number} {total:.1f}s step-end infinite}}"
        )
        texts = [
            f'<text x="16" y="{(row + 3) * HEIGHT:.0f}" xml:space="preserve">{html.escape(line)}'
            "</text>"
            for row, line in enumerate(lines)
            if line
        ]
        # Without animations, the last frame is what one sees.
        hidden = "" if number == len(frames) - 1 else ' visibility="hidden"'
        groups.append(f'<g id="f{number}"{hidden}>{"".join(texts)}</g>')
    width = COLUMNS * WIDTH + 32
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'font-family="Consolas,Menlo,DejaVu Sans Mono,monospace" font-size="13">'
        f"<title>{html.escape(title)}</title><style>text{{fill:#d7dde4}}{''.join(rules)}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="#16202b"/>'
        '<circle cx="20" cy="16" r="5" fill="#e0685c"/><circle cx="38" cy="16" r="5" '
        'fill="#e5b54a"/><circle cx="56" cy="16" r="5" fill="#6cb266"/>'
        f"{''.join(groups)}</svg>\n"
    )


def photograph(page: Path, picture: Path) -> None:
    """The top of a page, as a browser shows it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", "--force-device-scale-factor=1"):
        options.add_argument(option)
    options.add_argument("--window-size=1180,1560")
    with webdriver.Chrome(options=options) as browser:
        browser.get(page.as_uri())
        browser.execute_async_script("setTimeout(arguments[0], 2000)")  # until all is drawn
        browser.save_screenshot(str(picture))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, report = Path(folder) / "run.ckpt", Path(folder) / "report.html"
        frames = record([sys.executable, str(HERE / "train.py"), str(checkpoint)])
        (HERE / "terminal.svg").write_text(
            to_svg(frames, "A search of 60 trainings in a terminal"), encoding="utf-8"
        )
        subprocess.run(
            [sys.executable, "-m", "pyhopper", "report", str(checkpoint), "-o", str(report)],
            check=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )
        photograph(report, HERE / "report.png")


if __name__ == "__main__":
    main()

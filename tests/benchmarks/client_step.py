"""What a device does for its user, in Chromium: a step, learning a queue again, ranking items."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Browser, sync_playwright

from tests.benchmarks.harness import Table, spread
from tests.browser.conftest import CHROMIUM
from tests.browser.fake_server import DeviceServer, open_page

QUEUED = 100
# ``timed(work)``: microseconds of one, by doing it until that much time is gone.
TIMED = """([repetitions, milliseconds]) => {
  const measure = (work) => {
    const began = performance.now();
    let times = 0, spent = 0;
    for (; spent < milliseconds; spent = performance.now() - began) {
      work();
      times++;
    }
    return (1000 * spent) / times;
  };
  window.timed = (work) => {
    measure(work); // until it is compiled
    return Array.from({ length: repetitions }, () => measure(work));
  };
}"""
STEPS = """([dim, count]) => {
  const draw = () => Float32Array.from({ length: dim }, () => Math.random() - 0.5);
  const vector = draw(), items = Array.from({ length: count }, draw);
  const labels = items.map((_, n) => n % 2), ones = items.map(() => 1);
  return timed(() => userStep(vector, 0, items, ones, labels, ones, 0.2, 0.01));
}"""
RANKING = """async (count) => {
  const items = Array.from({ length: count }, (_, n) => String(n));
  await client.see(items);
  return timed(() => client.rank(items));
}"""


def tables(
    dims: tuple[int, ...] = (16, 64),
    items: tuple[int, ...] = (1_682, 10_000),
    repetitions: int = 9,
    milliseconds: float = 200.0,
) -> Iterator[Table]:
    """A row a piece of work and length of vectors."""
    # In a thread of its own: Playwright has a loop in each that it is used in, and one at most.
    with ThreadPoolExecutor(1) as alone:
        yield alone.submit(_measured, dims, items, repetitions, milliseconds).result()


def _measured(
    dims: tuple[int, ...], items: tuple[int, ...], repetitions: int, milliseconds: float
) -> Table:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        timing = [repetitions, milliseconds]
        rows = [row for dim in dims for row in _rows(chromium, dim, items, timing)]
        title = f"Device: Chromium {chromium.version}"
    return Table(
        title,
        rows,
        f"Of {repetitions} turns of {milliseconds:g} ms, one before them not counted. Learning "
        "again is what a device does when the server's vector has changed; ranking goes through "
        "vectors that the page has in memory.",
    )


def _rows(
    chromium: Browser, dim: int, items: tuple[int, ...], timing: list[float]
) -> Iterator[dict[str, object]]:
    context = chromium.new_context()
    page = open_page(context, DeviceServer(dim, max(items)))
    page.evaluate(TIMED, timing)
    page.evaluate("begin()")
    yield _row("learn an interaction", dim, page.evaluate(STEPS, [dim, 1]))
    yield _row(f"learn a queue of {QUEUED} again", dim, page.evaluate(STEPS, [dim, QUEUED]))
    for count in items:
        yield _row(f"rank {count:,} items", dim, page.evaluate(RANKING, count))
    context.close()


def _row(work: str, dim: int, found: list[float]) -> dict[str, object]:
    return {"work": work, "dim": dim, "µs min / median / max": spread(found)}

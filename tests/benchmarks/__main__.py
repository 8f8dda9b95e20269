"""Print benchmarks as Markdown: ``python -m tests.benchmarks [NAME …]``, all unless named."""

from __future__ import annotations

import argparse
import importlib
import os
import platform

import django

NAMES = (
    "encode",
    "learn",
    "table_size",
    "growth",
    "checkpoint_pause",
    "leaves",
    "full_update",
    "external",
    "http_append",
    "client_logging",
    "online_http",
    "score",
    "learning_lag",
    "wide_deep",
    "recommend",
    "series",
    "client_step",
    "embedding",
    "pages",
    "swap",
    "scrape",
    "startup",
    "gate",
    "freeze",
    "canary",
    "sparsity",
    "quarantine",
)


def main() -> None:
    """Run and print one after the other, each as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    chosen = parser.parse_args().names or NAMES
    if unknown := set(chosen) - set(NAMES):
        parser.error(f"no benchmark {min(unknown)!r}; there are {', '.join(NAMES)}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recadmin.settings")
    django.setup()
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    for name in chosen:
        for table in importlib.import_module(f"tests.benchmarks.{name}").tables():
            print(table.markdown(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()

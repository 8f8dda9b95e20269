"""The process that looks: ``python -m neighbours.feast.look``.

It reads and writes a line of JSON at a time: it is told where the repo is and which fields there
are by recommender, answers whose rows it wants, is given these, and answers the times. Of what goes
wrong with all of it, it says ``failed`` and ``detail``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from neighbours.feast import LOOK_SECONDS

NICENESS = 10


def main() -> None:
    """Answer one look. Ends by SIGALRM where that takes too long, whoever started it."""
    signal.alarm(LOOK_SECONDS)
    os.nice(NICENESS)
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _answer(sys.stdin, answers)
    except Exception as error:
        _say(answers, {"failed": type(error).__name__, "detail": str(error)})


def _answer(questions: TextIO, answers: TextIO) -> None:
    asked = json.loads(questions.readline())
    _load_less()
    from neighbours.feast import ages, repo

    config = repo.read_config(Path(asked["repo"]))
    definitions = repo.read_registry(config)
    looks = {
        slug: ages.Look(service, definitions, fields)
        for slug, fields in asked["fields"].items()
        if (service := definitions.service_of(slug)) is not None
    }
    _say(answers, {slug: look.keys for slug, look in looks.items()})
    given = json.loads(questions.readline())
    store = ages.Store(config)
    _say(answers, {slug: look.at(store, **given[slug]) for slug, look in looks.items()})


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _load_less() -> None:
    """Leave out what Feast loads and reading needs not: a fifth of the time is left.

    It has its classes rewritten to check the types of arguments, at every start, and loads PyTorch
    where that is installed.
    """
    import typeguard

    typeguard.typechecked = lambda target: target
    sys.modules["torch"] = None  # type: ignore[assignment]


if __name__ == "__main__":
    main()

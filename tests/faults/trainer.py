"""A trainer in a process of its own that learns until it is told to finish.

``python tests/faults/trainer.py FOLDER [SLUG]``: it claims a run of the recommender, or takes the
one that ``RECADMIN_RUN`` names. In the folder it leaves ``learns-ATTEMPT`` when it has read its
samples, and waits for ``finish``.
"""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "client"))

from recadmin_client import Client

FINISH = "finish"


def learns(attempt: int) -> str:
    """The file by which the trainer of an attempt says that it is at work."""
    return f"learns-{attempt}"


def main(folder: Path, slug: str = "") -> None:
    with (
        Client.from_environment() as client,
        client.run(slug) if slug else client.run_from_environment() as run,
    ):
        rows = sum(len(batch) for batch in run.samples())
        (folder / learns(run.task.attempt)).touch()
        while not (folder / FINISH).exists():
            run.progress(rows, phase="learning")
            time.sleep(0.05)
        model = folder / f"model-{run.task.attempt}"
        model.write_text(f"run {run.task.id} learned {rows} samples")
        scores = [0.5 for batch in run.holdout() for _ in range(len(batch))]
        run.publish(model, predictions=scores)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

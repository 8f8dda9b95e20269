"""What a recommender's online learning would have become had nothing ever been killed.

``python -m tests.faults.undisturbed SLUG`` learns the log from its first sample in one go and
compares the bytes at the offset of each artifact that the sessions left; prints JSON.
"""

import json
import sys

import django


def main(slug: str) -> dict[str, list[int]]:
    """Offsets that artifacts were made at, and those of them whose bytes differ."""
    from updates.models import Recommender
    from updates.samples.log import SampleLog
    from updates.store import artifacts

    recommender = Recommender.objects.get(slug=slug)
    log, learner, learned, different = SampleLog(recommender), recommender.new_learner(), 1, []
    left = sorted(artifacts_of(recommender))
    for next_offset, digest in left:
        for batch in log.read(learned, next_offset):
            learner.learn(batch)
        learned = next_offset
        with artifacts().draft(learner.save, {}) as draft:
            if draft.manifest["files"] != artifacts().manifest(digest)["files"]:
                different.append(next_offset)
    return {"compared": [next_offset for next_offset, _ in left], "different": different}


def artifacts_of(recommender) -> set[tuple[int, str]]:
    """Next offset and digest of the checkpoint and of each version whose files are kept."""
    from updates.models import Checkpoint

    kept = recommender.versions.filter(pruned_at=None).values_list("next_offset", "digest")
    checkpoint = Checkpoint.objects.filter(recommender=recommender)
    return {*kept, *checkpoint.values_list("next_offset", "digest")}


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(main(sys.argv[1])))

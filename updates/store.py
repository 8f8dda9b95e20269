"""Where this installation keeps its artifacts."""

from django.conf import settings

from updates.artifacts import ArtifactStore


def artifacts() -> ArtifactStore:
    """The artifact store below the data folder."""
    return ArtifactStore(settings.RECADMIN_DATA / "artifacts")

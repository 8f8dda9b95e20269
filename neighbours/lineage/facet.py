"""What a run says of itself that OpenLineage has no standard facet for."""

from __future__ import annotations

import attr
from django.conf import settings
from openlineage.client.facet_v2 import RunFacet

# Custom facets begin with the name of who defines them.
KEY = "recadmin_update"
SCHEMA = "/static/neighbours/openlineage/1-0-0/RecadminUpdateRunFacet.json"


@attr.define(kw_only=True)
class UpdateRunFacet(RunFacet):
    """As its JSON schema describes it, which lies in ``static``."""

    run: int
    page: str
    state: str
    attempt: int
    components: list[str]
    why: str | None = None
    policy: str | None = None
    baseVersion: int | None = None  # noqa: N815 - as OpenLineage spells fields
    version: int | None = None
    watermark: str | None = None
    samples: int | None = None
    cpuSeconds: float | None = None  # noqa: N815
    wallSeconds: float | None = None  # noqa: N815
    normalizedEntropy: float | None = None  # noqa: N815
    logLoss: float | None = None  # noqa: N815
    auc: float | None = None
    calibration: float | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{settings.PUBLIC_URL}{SCHEMA}#/$defs/RecadminUpdateRunFacet"

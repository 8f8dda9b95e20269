"""How each figure on the pages is computed: what its (i) says, said once.

What the charts draw is defined in ``monitoring.metrics``.
"""

from __future__ import annotations

from itertools import chain

from monitoring.figures import live, versions

# By tables whose heads have no room on a phone: there, all columns are told of at once.
TABLES = {
    "fleet": [*live.HEADLINE[:3], *live.FLEET],
    "components": live.COMPONENTS,
    "serving": live.SERVING,
    "servers": live.SERVERS,
    "drift": live.DRIFT,
    "policies": live.POLICIES,
    "versions": versions.VERSIONS,
}
FIGURES = {
    figure.key: figure
    for figure in chain(
        live.HEADLINE,
        live.CANARY,
        live.FLEET,
        live.COMPONENTS,
        live.SERVING,
        live.SERVERS,
        live.DRIFT,
        live.DEVICES,
        live.JOINING,
        live.POLICIES,
        versions.VERSIONS,
        versions.QUALITY,
        versions.SPARSITY,
        versions.LEARNED,
        versions.COST,
    )
}

"""What updates read and write, as OpenLineage's datasets: sample logs and models."""

from __future__ import annotations

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    dataset_type_dataset,
    dataset_version_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from updates.models import ModelVersion, Recommender, UpdateRun


def sample_log(run: UpdateRun, namespace: str, producer: str, *, ended: bool) -> InputDataset:
    """The log that the run's recommender learns from; once it has ended, how much it read."""
    recommender = run.recommender
    owner = Recommender.objects.get(pk=recommender.log_owner_id)
    columns = [
        schema_dataset.SchemaDatasetFacetFields(field.name, str(field.type), ordinal_position=at)
        for at, field in enumerate(recommender.sample_schema.arrow, start=1)
    ]
    read = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
        rowCount=run.samples, producer=producer
    )
    return InputDataset(
        namespace,
        f"{owner.slug}.samples",
        facets={
            "schema": schema_dataset.SchemaDatasetFacet(columns, producer=producer),
            "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(
                "STREAM", producer=producer
            ),
        },
        inputFacets={"inputStatistics": read} if ended else {},
    )


def base_model(version: ModelVersion, namespace: str, producer: str) -> InputDataset:
    """The version that a run builds on."""
    return InputDataset(namespace, _model(version), facets=_model_facets(version, producer))


def made_model(version: ModelVersion, namespace: str, producer: str) -> OutputDataset:
    """The version that a run has made."""
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        size=version.artifact_bytes, producer=producer
    )
    return OutputDataset(
        namespace,
        _model(version),
        facets=_model_facets(version, producer),
        outputFacets={"outputStatistics": written},
    )


def _model(version: ModelVersion) -> str:
    return f"{version.recommender.slug}.model"


def _model_facets(version: ModelVersion, producer: str) -> dict:
    return {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(
            str(version.number), producer=producer
        ),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet("MODEL", producer=producer),
    }

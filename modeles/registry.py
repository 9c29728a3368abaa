"""MLflow as a library on SQLite: one run a candidate, one registered version a table.

The registry remembers; it does not decide. What scoring reads is the signed table, and
what promotes it is the committee's signed record: an alias here is a convenience. No row,
pseudonym or pickle goes into an artifact, and MLflow itself can load nothing of it: the
only flavor is our own.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

# Before the import: MLflow starts its telemetry client while it is imported.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, ViewType
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.utils.file_utils import local_file_uri_to_path

EXPERIMENT = "rebond"
MODEL_NAME = "rebond"
FLAVOR = "rebond_table"
_FOLDER = "table"
_DIGEST_CHARACTERS = 36
"""MLflow's store keeps no longer digest."""


@dataclass(frozen=True)
class TrainedOn:
    """What a run was fitted on: the protocol's name and the data's SHA-256, never a row."""

    protocol: str
    data_hash: str


class Registry:
    """Runs and model versions of one home."""

    def __init__(self, uri: str, artifacts: Path) -> None:
        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.ERROR)
        artifacts.mkdir(parents=True, exist_ok=True)
        self._client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        self._experiment = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(EXPERIMENT, artifacts.resolve().as_uri())
        )
        if not self._client.search_registered_models(f"name = '{MODEL_NAME}'"):
            self._client.create_registered_model(MODEL_NAME)

    @contextmanager
    def run(self, name: str, parameters: Mapping[str, object], dataset: TrainedOn) -> Iterator[Run]:
        """Open a run with its parameters and dataset; it ends FAILED when the block raises."""
        info = self._client.create_run(self._experiment, run_name=name).info
        self._client.log_batch(
            info.run_id, params=[Param(key, str(value)) for key, value in parameters.items()]
        )
        self._client.log_inputs(info.run_id, [_dataset(dataset)])
        try:
            yield Run(self._client, info)
        except BaseException:
            self._client.set_terminated(info.run_id, "FAILED")
            raise
        self._client.set_terminated(info.run_id, "FINISHED")

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Tag a registered version with what was not known when it was registered."""
        for key, value in tags.items():
            self._client.set_model_version_tag(MODEL_NAME, version, key, value)

    def forget(
        self, before: datetime, *, keep: Collection[str], dry: bool = False
    ) -> tuple[int, ...]:
        """Delete the runs begun before a moment, with their versions and artifacts.

        Parameters
        ----------
        before
            Aware time.
        keep
            Versions whose runs stay.
        dry
            Only name them.

        Returns
        -------
        tuple of int
            When each run that went began (ms).
        """
        found = self._client.search_model_versions(f"name = '{MODEL_NAME}'")
        kept = {version.run_id for version in found if version.version in keep}
        over = f"attributes.start_time < {int(1000 * before.timestamp())}"
        runs = [
            run.info
            for run in self._client.search_runs([self._experiment], over, ViewType.ALL)
            if run.info.run_id not in kept
        ]
        for info in () if dry else runs:
            for version in found:
                if version.run_id == info.run_id:
                    self._client.delete_model_version(MODEL_NAME, version.version)
            shutil.rmtree(
                Path(local_file_uri_to_path(info.artifact_uri)).parent, ignore_errors=True
            )
            # What deleting a run leaves behind is what `mlflow gc` would take away.
            self._client._tracking_client.store._hard_delete_run(info.run_id)
        return tuple(info.start_time for info in runs)


class Run:
    """One candidate's measures, and its table once it has a version."""

    def __init__(self, client: mlflow.MlflowClient, info: mlflow.entities.RunInfo) -> None:
        self._client = client
        self._info = info

    def measures(self, *steps: Mapping[str, float | None]) -> None:
        """Log the measures that have a value; each mapping is a step: one, or one a split."""
        given = [
            Metric(key, value, self._info.start_time, step)
            for step, values in enumerate(steps)
            for key, value in values.items()
            if value is not None and not math.isnan(value)
        ]
        self._client.log_batch(self._info.run_id, metrics=given)

    def register(self, tags: Mapping[str, str]) -> str:
        """Register a new model version and return it."""
        source = f"{self._info.artifact_uri}/{_FOLDER}"
        version = self._client.create_model_version(
            MODEL_NAME, source, run_id=self._info.run_id, tags=dict(tags), await_creation_for=0
        )
        return str(version.version)

    def table(self, path: Path, inputs: Sequence[str]) -> None:
        """Keep the signed table as the run's artifact, beside a signature that MLflow can read.

        Parameters
        ----------
        path
            The table's file.
        inputs
            Names of the features, in the table's order.
        """
        signature = ModelSignature(
            inputs=Schema([ColSpec("double", name) for name in inputs]),
            outputs=Schema([ColSpec("double", "log_odds")]),
        )
        described = Model(
            artifact_path=_FOLDER,
            run_id=self._info.run_id,
            flavors={FLAVOR: {"table": path.name}},
            signature=signature,
        )
        self._client.log_artifact(self._info.run_id, str(path), _FOLDER)
        self._client.log_text(self._info.run_id, described.to_yaml(), f"{_FOLDER}/MLmodel")


def _dataset(given: TrainedOn) -> DatasetInput:
    dataset = Dataset(
        name=given.protocol,
        digest=given.data_hash[:_DIGEST_CHARACTERS],
        source_type="rebond_events",
        source=json.dumps({"sha256": given.data_hash}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])

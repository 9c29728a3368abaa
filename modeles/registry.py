"""MLflow as a library on SQLite: one run a candidate, one registered version a table.

The registry remembers; it does not decide. What scoring reads is the signed table, and
what promotes it is the committee's signed record: an alias here is a convenience. No row,
pseudonym or pickle goes into an artifact.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow.environment_variables import (
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION,
    MLFLOW_DISABLE_TELEMETRY,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

EXPERIMENT = "rebond"
MODEL_NAME = "rebond"


class Registry:
    """Runs and model versions of one home."""

    def __init__(self, uri: str, artifacts: Path) -> None:
        MLFLOW_DISABLE_TELEMETRY.set(True)
        MLFLOW_ALLOW_PICKLE_DESERIALIZATION.set(False)
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

    @contextmanager
    def run(self, name: str, parameters: Mapping[str, object]) -> Iterator[Run]:
        """Open a run; it ends FAILED when the block raises."""
        run_id = self._client.create_run(self._experiment, run_name=name).info.run_id
        for key, value in parameters.items():
            self._client.log_param(run_id, key, value)
        try:
            yield Run(self._client, run_id)
        except BaseException:
            self._client.set_terminated(run_id, "FAILED")
            raise
        self._client.set_terminated(run_id, "FINISHED")


class Run:
    """One candidate's measures, and its table once it has a version."""

    def __init__(self, client: mlflow.MlflowClient, run_id: str) -> None:
        self._client = client
        self._run_id = run_id

    def measures(self, values: Mapping[str, float | None]) -> None:
        """Log the measures that have a value."""
        for key, value in values.items():
            if value is not None and not math.isnan(value):
                self._client.log_metric(self._run_id, key, value)

    def register(self, tags: Mapping[str, str]) -> str:
        """Register a new model version and return it."""
        try:
            self._client.create_registered_model(MODEL_NAME)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
        source = f"{self._client.get_run(self._run_id).info.artifact_uri}/table"
        version = self._client.create_model_version(
            MODEL_NAME, source, run_id=self._run_id, tags=dict(tags)
        )
        return str(version.version)

    def table(self, path: Path) -> None:
        """Keep the signed table as the run's artifact."""
        self._client.log_artifact(self._run_id, str(path), "table")

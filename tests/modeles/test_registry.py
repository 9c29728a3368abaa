"""The registry: what a run and a version remember, and that nothing of it can be executed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run as LoggedRun
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from sklearn.linear_model import LogisticRegression

from features.keys import Keyring, create_keys
from modeles.registry import EXPERIMENT, FLAVOR, MODEL_NAME, Registry, TrainedOn
from modeles.table import write_table
from tests.conftest import ROOT
from tests.modeles.builders import table

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of MLflow about its own type hints
    import mlflow.pyfunc
    import mlflow.sklearn

DATA = "0123456789abcdef" * 4
TRAINED_ON = TrainedOn("accompagnement", DATA)


@dataclass(frozen=True)
class Store:
    """One migrated store, shared: a first migration costs seconds."""

    folder: Path
    keys: Keyring

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def registry(self) -> Registry:
        return Registry(self.uri, self.folder / "artifacts")

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def newest_run(self) -> LoggedRun:
        experiment = self.client.get_experiment_by_name(EXPERIMENT)
        (run,) = self.client.search_runs([experiment.experiment_id], max_results=1)
        return run

    def register(self) -> str:
        """Register the builders' table as a training does."""
        with self.registry.run("additive", {"seed": 7}, TRAINED_ON) as run:
            version = run.register({"family": "additive", "chosen": "false"})
            path = self.folder / "table.json"
            write_table(table(version), path, self.keys.sign)
            run.table(path, [feature.name for feature in table().features])
        return version


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("registry")
    return Store(folder, create_keys(folder / "keys"))


def test_a_run_holds_parameters_measures_by_split_and_its_dataset(store: Store) -> None:
    with store.registry.run("logistic", {"seed": 7, "rows": 1500}, TRAINED_ON) as run:
        run.measures({"auc": 0.7, "ece": None, "brier": float("nan")}, {"auc": 0.72})
        run.measures({})
    found = store.newest_run()
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "logistic"
    assert found.data.params == {"seed": "7", "rows": "1500"}
    assert set(found.data.metrics) == {"auc"}
    history = store.client.get_metric_history(found.info.run_id, "auc")
    assert {m.step: m.value for m in history} == {0: 0.7, 1: 0.72}
    (given,) = found.inputs.dataset_inputs
    assert given.dataset.name == "accompagnement"
    assert DATA.startswith(given.dataset.digest)
    assert json.loads(given.dataset.source) == {"sha256": DATA}
    assert given.dataset.schema is None
    assert given.dataset.profile is None


def test_a_run_that_breaks_off_is_kept_as_failed(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.registry.run("additive", {}, TRAINED_ON):
        raise KeyboardInterrupt
    assert store.newest_run().info.status == "FAILED"


def test_versions_count_on_and_carry_tags(store: Store) -> None:
    first, second = store.register(), store.register()
    assert int(second) == int(first) + 1
    store.registry.tag(second, {"chosen": "true", "table": "t" * 64})
    kept = store.client.get_model_version(MODEL_NAME, second)
    assert kept.tags == {"family": "additive", "chosen": "true", "table": "t" * 64}
    assert kept.run_id == store.newest_run().info.run_id
    assert store.client.get_model_version(MODEL_NAME, first).tags["chosen"] == "false"


def test_beside_the_table_stands_a_signature_that_mlflow_reads(store: Store) -> None:
    source = store.client.get_model_version(MODEL_NAME, store.register()).source
    folder = Path(source.removeprefix("file://"))
    assert {path.name for path in folder.iterdir()} == {"MLmodel", "table.json"}
    assert (folder / "table.json").read_bytes() == (store.folder / "table.json").read_bytes()
    described = Model.load(folder)
    assert described.flavors == {FLAVOR: {"table": "table.json"}}
    assert described.signature.inputs.input_names() == [f.name for f in table().features]
    assert {str(kind) for kind in described.signature.inputs.input_types()} == {"DataType.double"}
    assert described.signature.outputs.input_names() == ["log_odds"]


@pytest.mark.safeguard
def test_s31_mlflow_can_load_nothing_of_it(store: Store) -> None:
    source = store.client.get_model_version(MODEL_NAME, store.register()).source
    with pytest.raises(MlflowException, match="python_function"):
        mlflow.pyfunc.load_model(source)


@pytest.mark.safeguard
def test_s31_a_pickled_model_is_refused(tmp_path: Path) -> None:
    """Whatever somebody puts into the store, nothing is unpickled in this process."""
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own advice against pickles
        mlflow.sklearn.save_model(
            fitted, tmp_path / "model", serialization_format="pickle", pip_requirements=[]
        )
    for load in (mlflow.sklearn.load_model, mlflow.pyfunc.load_model):
        with pytest.raises(MlflowException, match="MLFLOW_ALLOW_PICKLE_DESERIALIZATION"):
            load(str(tmp_path / "model"))


@pytest.mark.safeguard
def test_s29_telemetry_is_off_before_mlflow_is_imported(tmp_path: Path) -> None:
    """In a process that is no test and whose environment asks for telemetry and pickles."""
    script = (
        "import modeles.registry\n"
        "from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION\n"
        "from mlflow.telemetry.client import get_telemetry_client\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "print(is_telemetry_disabled(), get_telemetry_client(),"
        " MLFLOW_ALLOW_PICKLE_DESERIALIZATION.get())"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "MLFLOW_DISABLE_TELEMETRY": "false",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "None", "False"]
    assert not [path for path in tmp_path.rglob("*") if "telemetry" in path.name]

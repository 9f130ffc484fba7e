"""`StateReconciler` with a real monitor and moto's EC2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from transcription_monitor import ConflictError, NotFoundError, StateReconciler, TranscriptionAPI

from .processes import Monitor, monitor
from .servers import aws


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with aws() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables


@pytest.fixture(scope="module")
def ec2(environment: dict[str, str]) -> Any:
    client = boto3.client("ec2", region_name=environment["AWS_DEFAULT_REGION"])
    client.create_launch_template(
        LaunchTemplateName="whisper", LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "g4dn.xlarge"}
    )
    return client


@pytest.fixture(scope="module")
def fleet(ec2: Any) -> Iterator[Monitor]:
    """A monitor whose grace time is a moment; it reconciles on request alone."""
    assert ec2
    settings = {"fleet": "ec2:whisper?monitor=py&region=us-east-1", "reconcile_ms": 0, "reconcile_grace_ms": 0}
    with monitor(**settings) as running:
        yield running


@pytest.fixture
def api(fleet: Monitor) -> Iterator[TranscriptionAPI]:
    with TranscriptionAPI(fleet.url) as client:
        yield client


@pytest.fixture
def reconciler(api: TranscriptionAPI) -> StateReconciler:
    return StateReconciler(api, monitor="py")


def start(ec2: Any, **tags: str) -> str:
    """Starts an instance as somebody else would; returns its id."""
    specification = {"ResourceType": "instance", "Tags": [{"Key": key, "Value": tags[key]} for key in tags]}
    launched = ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": "whisper"}, MinCount=1, MaxCount=1, TagSpecifications=[specification]
    )
    return str(launched["Instances"][0]["InstanceId"])


def test_workers_and_instances_are_listed_by_instance(
    api: TranscriptionAPI, ec2: Any, reconciler: StateReconciler
) -> None:
    """[A56] [A57]"""
    worker, gone = api.workers.launch(), api.workers.launch()
    stranger = start(ec2, **{"tmon:monitor": "another"})
    assert worker.instance_id
    assert gone.instance_id
    assert reconciler.list_s3_workers()[worker.instance_id].id == worker.id
    ec2.terminate_instances(InstanceIds=[gone.instance_id])
    instances = reconciler.list_ec2_instances()
    assert instances[worker.instance_id].worker_id == worker.id
    assert (instances[worker.instance_id].state, instances[worker.instance_id].region) == ("running", "us-east-1")
    assert not {gone.instance_id, stranger} & instances.keys()
    assert stranger in StateReconciler(api).list_ec2_instances()
    assert gone.instance_id in reconciler.list_s3_workers().keys() - instances.keys()
    api.workers.terminate(gone.id)
    assert gone.instance_id not in reconciler.list_s3_workers()


def test_the_monitor_reconciles_on_request(api: TranscriptionAPI, ec2: Any, reconciler: StateReconciler) -> None:
    """[A55] [A58] [A59]"""
    orphan = api.workers.launch()
    ec2.terminate_instances(InstanceIds=[orphan.instance_id])
    missing = start(ec2, **{"tmon:monitor": "py", "tmon:worker_id": "worker-unknown"})
    kinds = {(one.kind, one.worker_id) for one in reconciler.reconcile_worker_states(dry_run=True).unconfirmed}
    assert kinds == {("orphaned", orphan.id), ("missing", "worker-unknown")}
    with pytest.raises(NotFoundError):
        api.workers.get("worker-unknown")
    report = reconciler.reconcile_worker_states()
    assert [(one.worker_id, one.instance_id) for one in report.orphaned] == [(orphan.id, orphan.instance_id)]
    assert "has ended" in report.orphaned[0].reason
    assert [(one.worker_id, one.instance_id) for one in report.missing] == [("worker-unknown", missing)]
    assert api.workers.get(orphan.id).state == "TERMINATED"
    assert api.workers.get("worker-unknown").state == "STARTING"


def test_a_state_is_archived_and_created_by_hand(api: TranscriptionAPI, ec2: Any, reconciler: StateReconciler) -> None:
    """[A58] [A59]"""
    api.workers.register("worker-by-hand", capabilities={}, instance_id="i-0123456789abcdef0")
    assert reconciler.archive_worker_state("worker-by-hand").state == "TERMINATED"
    tagged, bare = start(ec2, **{"tmon:monitor": "py", "tmon:worker_id": "worker-tagged"}), start(ec2, Name="bare")
    assert reconciler.create_worker_state(tagged).id == "worker-tagged"
    worker = reconciler.create_worker_state(bare)
    assert (worker.id, worker.instance_id, worker.location.instance_type) == (f"worker-{bare}", bare, "g4dn.xlarge")
    ec2.terminate_instances(InstanceIds=[bare])
    with pytest.raises(LookupError, match=bare):
        reconciler.create_worker_state(bare)


def test_a_monitor_without_a_fleet_refuses(server: Monitor) -> None:
    with TranscriptionAPI(server.url) as api, pytest.raises(ConflictError, match="fleet"):
        StateReconciler(api).reconcile_worker_states()

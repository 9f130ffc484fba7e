"""The documents' `StateReconciler`: workers as the monitor has them, instances as EC2 has them, and what differs.

The monitor does this by itself (`--reconcile-ms`), with a grace time, so that a stale listing has no effect. This class
is for programs that want to look, or to decide for themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ._sync.client import TranscriptionAPI
from .models import Reconciliation, Worker
from .reporter.sinks.aws import client_opener

WORKER_TAG = "tmon:worker_id"
MONITOR_TAG = "tmon:monitor"
LIVE = ["pending", "running", "stopping", "stopped"]


@dataclass(frozen=True)
class Ec2Instance:
    instance_id: str
    #: The worker that it was started for; None if it was started without the monitor.
    worker_id: str | None
    #: pending, running, stopping or stopped.
    state: str
    launched_at: datetime
    region: str
    availability_zone: str | None
    instance_type: str


class StateReconciler:
    """Both lists are by instance id, by which workers and instances are matched:

        reconciler = StateReconciler(api)
        orphaned = reconciler.list_s3_workers().keys() - reconciler.list_ec2_instances().keys()

    `monitor` is the value of the instances' tag `tmon:monitor`; by default instances of every monitor are listed.
    """

    def __init__(self, api: TranscriptionAPI, *, monitor: str | None = None) -> None:
        self._api = api
        self._monitor = monitor
        self._ec2: Any = None

    def reconcile_worker_states(self, *, dry_run: bool = False) -> Reconciliation:
        """Makes the monitor compare its workers with its fleet now. Raises ConflictError if it has no fleet to list."""
        return self._api.workers.reconcile(dry_run=dry_run)

    def list_s3_workers(self) -> dict[str, Worker]:
        """The workers in the store that are not TERMINATED and claim an instance, by instance id."""
        return {
            worker.instance_id: worker
            for worker in self._api.workers.list()
            if worker.instance_id is not None and worker.state != "TERMINATED"
        }

    def list_ec2_instances(self) -> dict[str, Ec2Instance]:
        """The tagged instances that exist, by id. Needs `pip install 'transcription-monitor[aws]'`."""
        tagged = (
            {"Name": "tag-key", "Values": [MONITOR_TAG]}
            if self._monitor is None
            else {"Name": f"tag:{MONITOR_TAG}", "Values": [self._monitor]}
        )
        return self._find(tagged)

    def archive_worker_state(self, worker_id: str) -> Worker:
        """Terminates the worker: its view moves to workers/terminated/, its jobs return to the queue. If it still runs
        on an instance of the monitor's fleet, the instance is terminated too.
        """
        return self._api.workers.terminate(worker_id)

    def create_worker_state(self, instance_id: str) -> Worker:
        """Registers the instance's worker, under the id in its tag or `worker-` and the instance's id. Raises
        LookupError if there is no such instance.
        """
        instance = self._find({"Name": "instance-id", "Values": [instance_id]}).get(instance_id)
        if instance is None:
            raise LookupError(f"there is no instance {instance_id}, or it has ended")
        location: Any = {
            "region": instance.region,
            "availability_zone": instance.availability_zone,
            "instance_type": instance.instance_type,
        }
        worker_id = instance.worker_id or f"worker-{instance_id}"
        return self._api.workers.register(worker_id, capabilities={}, instance_id=instance_id, location=location)

    def _find(self, filter: dict[str, Any]) -> dict[str, Ec2Instance]:
        if self._ec2 is None:
            self._ec2 = client_opener("ec2")()
        filters = [filter, {"Name": "instance-state-name", "Values": LIVE}]
        pages = self._ec2.get_paginator("describe_instances").paginate(Filters=filters)
        found = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
        return {one["InstanceId"]: _instance(one, self._ec2.meta.region_name) for one in found}


def _instance(described: Any, region: str) -> Ec2Instance:
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
    return Ec2Instance(
        instance_id=described["InstanceId"],
        worker_id=tags.get(WORKER_TAG),
        state=described["State"]["Name"],
        launched_at=described["LaunchTime"],
        region=region,
        availability_zone=described.get("Placement", {}).get("AvailabilityZone"),
        instance_type=described["InstanceType"],
    )

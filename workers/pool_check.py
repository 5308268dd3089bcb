"""Whether somebody serves each pool that the project's tools name: `proctor doctor` asks."""

from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from proctor.connection import connect_temporal
from proctor.contracts.wire import pool_queue
from proctor.settings import Settings, TemporalEndpoint
from workers.pools import named_pools
from workers.process import ACTIVITIES


async def unserved_pools(settings: Settings, endpoint: TemporalEndpoint) -> tuple[list[str], list[str]]:
    """List the pools that tools of the project name, and those of them that no worker polls now."""
    pools = named_pools(settings)
    if not pools:
        return [], []
    client = await connect_temporal(endpoint)
    unserved = []
    for pool in pools:
        queue = TaskQueue(name=pool_queue(settings.task_queue, pool))
        asked = DescribeTaskQueueRequest(namespace=client.namespace, task_queue=queue, task_queue_type=ACTIVITIES)
        if not (await client.workflow_service.describe_task_queue(asked)).pollers:
            unserved.append(pool)
    return pools, unserved

/** Work for a monitor whose metrics are tested: a job of each end, one that runs and one that waits. */
import type { Caller } from '../../test/servers/monitor.ts';
import { claim, complete, type Held, register, submit } from '../../test/servers/steps.ts';

const WORKER = {
  capabilities: { model: 'large-v3', device: 'cuda' },
  location: { instance_type: 'g4dn.xlarge', spot_price: 0.25 },
};

export async function work(monitor: Caller): Promise<void> {
  await register(monitor, 'worker-1', WORKER);
  await monitor.post('/workers/worker-1/heartbeat', { health: { gpu_usage: 80 } });
  const begun = async (): Promise<Held> => {
    await submit(monitor, { duration_seconds: 100, max_attempts: 1 });
    return (await claim(monitor))[0]!;
  };
  await complete(monitor, await begun());
  for (const code of ['gpu_out_of_memory', 'no_audio_track']) {
    const { id, token } = await begun();
    const error = { code, message: 'It failed', retryable: false };
    await monitor.post(`/jobs/${id}/fail`, { lease_token: token, error });
  }
  const { job_id } = await submit(monitor, { priority: 'low' });
  await monitor.delete(`/jobs/${job_id}`);
  await begun();
  await submit(monitor, { duration_seconds: 100, priority: 'high' });
}

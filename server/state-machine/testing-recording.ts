/** The recording in the documents' example, and the worker that transcribes it. */
import { MINUTE_MS } from '../../protocol/time.ts';
import { type Lease, Monitor } from './testing.ts';

/** 81 minutes of audio, submitted at 19:30, claimed by worker-123 at 19:32. */
export function started(): { monitor: Monitor; lease: Lease } {
  const monitor = new Monitor();
  monitor.submit('job-abc123', {
    audio_url: 's3://audio/file.mp3',
    duration_seconds: 4860,
    file_size_bytes: 75_000_000,
    tags: ['press'],
  });
  monitor.later(2 * MINUTE_MS).run({
    type: 'register_worker',
    worker_id: 'worker-123',
    registration: {
      instance_id: 'i-0123456789',
      capabilities: { model: 'large-v3', device: 'cuda', gpu_optimized: true, batch_size: 64 },
      location: {
        region: 'us-east-1',
        availability_zone: 'us-east-1a',
        instance_type: 'g4dn.xlarge',
        spot_price: 0.36,
      },
    },
  });
  const [lease] = monitor.claim('worker-123');
  return { monitor, lease: lease! };
}

/** Three minutes later, at chunk 15 of 33. */
export function running(): { monitor: Monitor; lease: Lease } {
  const { monitor, lease } = started();
  monitor.later(MINUTE_MS).progress(lease, 0, { stage: 'downloading' });
  monitor.later(MINUTE_MS).progress(lease, 20, { stage: 'transcribing' });
  monitor.later(MINUTE_MS);
  monitor.progress(lease, 45, { stage: 'transcribing', current_chunk: 15, total_chunks: 33, eta_seconds: 600 });
  monitor.beat('worker-123', [lease], { cpu_usage: 85.5, memory_usage: 65.2, gpu_usage: 95.8, disk_usage: 45.1 });
  return { monitor, lease };
}

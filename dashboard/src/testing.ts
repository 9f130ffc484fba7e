/** Documents for tests. */
import type { Job } from '../../protocol/job.ts';
import type { Worker } from '../../protocol/worker.ts';

export const AT = '2026-11-27T11:00:00Z';

export function jobOf(change: Partial<Job> = {}): Job {
  return {
    job_id: 'job-1',
    state: 'PROCESSING',
    final: false,
    created_at: AT,
    updated_at: AT,
    started_at: AT,
    completed_at: null,
    estimated_completion: null,
    priority: 'normal',
    output_format: 'json',
    tags: [],
    metadata: {},
    input: {
      s3_path: 's3://audio/talks/one.mp3',
      duration_seconds: 600,
      file_size_bytes: null,
      audio_url_expires_at: null,
      require_complete: false,
    },
    output: { s3_path: null, segments_count: 0, confidence_score: null, warnings: [], suspect: false },
    worker: { worker_id: 'gpu-1', instance_id: null, assigned_at: AT, gpu_usage: null },
    progress: { percentage: 20, stage: 'TRANSCRIBING', current_chunk: 2, total_chunks: 10, eta_seconds: 60 },
    performance: {
      queue_time_seconds: 0,
      processing_time_seconds: 0,
      throughput_factor: null,
      download_time_seconds: null,
    },
    state_history: [],
    retry_info: { attempt: 1, max_attempts: 3, last_error: null, next_attempt_at: null },
    cost_tracking: { estimated_cost_usd: null, actual_cost_usd: null, instance_time_seconds: 0 },
    verdict: { status: 'on_track', reason: 'On track.', since: AT, evidence: {} },
    actions: [],
    expected_percentage: null,
    queue_position: null,
    expected_start: null,
    expected_completion: null,
    as_of_seq: 10,
    ...change,
  };
}

export function workerOf(change: Partial<Worker> = {}): Worker {
  return {
    worker_id: 'gpu-1',
    instance_id: null,
    state: 'IDLE',
    reason: null,
    created_at: AT,
    last_heartbeat: AT,
    health: { status: 'HEALTHY', reason: null, cpu_usage: 5, memory_usage: 10, gpu_usage: 0, disk_usage: 10 },
    capabilities: { model: 'large-v3', device: 'cuda', gpu_optimized: null, batch_size: null },
    current_job: null,
    performance: {
      jobs_completed: 0,
      jobs_failed: 0,
      total_runtime_seconds: 0,
      average_job_time: null,
      success_rate: null,
    },
    location: { region: null, availability_zone: null, instance_type: null, spot_price: null },
    verdict: null,
    actions: [],
    as_of_seq: 10,
    ...change,
  };
}

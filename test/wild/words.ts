/** The words for states that job systems use, as they print them: the system with its version, and what each word means. */
import type { SightedState } from '../../protocol/sighting.ts';

export const WORDS: readonly { from: string; words: Record<string, SightedState> }[] = [
  {
    from: 'Celery 5.4, celery.states',
    words: {
      PENDING: 'QUEUED',
      RECEIVED: 'QUEUED',
      STARTED: 'PROCESSING',
      PROGRESS: 'PROCESSING',
      RETRY: 'QUEUED',
      SUCCESS: 'COMPLETED',
      FAILURE: 'FAILED',
      REVOKED: 'FAILED',
    },
  },
  {
    from: 'RQ 2.0, rq.job.JobStatus',
    words: {
      queued: 'QUEUED',
      scheduled: 'QUEUED',
      deferred: 'QUEUED',
      started: 'PROCESSING',
      finished: 'COMPLETED',
      failed: 'FAILED',
      stopped: 'FAILED',
      canceled: 'FAILED',
    },
  },
  {
    from: 'BullMQ 5, Job.getState()',
    words: {
      waiting: 'QUEUED',
      delayed: 'QUEUED',
      prioritized: 'QUEUED',
      active: 'PROCESSING',
      completed: 'COMPLETED',
      failed: 'FAILED',
    },
  },
  {
    from: 'Amazon Transcribe, TranscriptionJobStatus',
    words: { QUEUED: 'QUEUED', IN_PROGRESS: 'PROCESSING', COMPLETED: 'COMPLETED', FAILED: 'FAILED' },
  },
  {
    from: 'AWS Batch, JobDetail.status',
    words: {
      SUBMITTED: 'QUEUED',
      PENDING: 'QUEUED',
      STARTING: 'PROCESSING',
      RUNNING: 'PROCESSING',
      SUCCEEDED: 'COMPLETED',
      FAILED: 'FAILED',
    },
  },
  {
    from: 'AWS Step Functions, ExecutionStatus',
    words: { RUNNING: 'PROCESSING', SUCCEEDED: 'COMPLETED', FAILED: 'FAILED', TIMED_OUT: 'FAILED', ABORTED: 'FAILED' },
  },
  {
    from: 'Kubernetes 1.31, PodStatus.phase',
    words: { Pending: 'QUEUED', Running: 'PROCESSING', Succeeded: 'COMPLETED', Failed: 'FAILED' },
  },
  {
    from: 'Slurm 24.05, squeue --format=%T',
    words: {
      PENDING: 'QUEUED',
      RUNNING: 'PROCESSING',
      COMPLETED: 'COMPLETED',
      FAILED: 'FAILED',
      TIMEOUT: 'FAILED',
      CANCELLED: 'FAILED',
    },
  },
  {
    from: 'Google Cloud Batch, JobStatus.State',
    words: { QUEUED: 'QUEUED', SCHEDULED: 'QUEUED', RUNNING: 'PROCESSING', SUCCEEDED: 'COMPLETED', FAILED: 'FAILED' },
  },
  {
    from: 'OpenAI Batch API, batch.status',
    words: { in_progress: 'PROCESSING', completed: 'COMPLETED', failed: 'FAILED', cancelled: 'FAILED' },
  },
  {
    from: 'AssemblyAI v2, transcript.status',
    words: { queued: 'QUEUED', processing: 'PROCESSING', completed: 'COMPLETED', error: 'FAILED' },
  },
  {
    from: 'Rev AI v1, job.status',
    words: { in_progress: 'PROCESSING', failed: 'FAILED' },
  },
  {
    from: 'Azure Speech 3.2, transcription.status',
    words: { Running: 'PROCESSING', Succeeded: 'COMPLETED', Failed: 'FAILED' },
  },
  {
    from: 'people: tables and scripts on GitHub',
    words: {
      'in progress': 'PROCESSING',
      'in-progress': 'PROCESSING',
      inProgress: 'PROCESSING',
      'In Progress': 'PROCESSING',
      working: 'PROCESSING',
      transcribing: 'PROCESSING',
      done: 'COMPLETED',
      Done: 'COMPLETED',
      DONE: 'COMPLETED',
      complete: 'COMPLETED',
      success: 'COMPLETED',
      successful: 'COMPLETED',
      error: 'FAILED',
      ERROR: 'FAILED',
      errored: 'FAILED',
      failure: 'FAILED',
      timeout: 'FAILED',
      killed: 'FAILED',
      crashed: 'FAILED',
    },
  },
];

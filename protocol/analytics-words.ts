/** Words of analytics, apart from their schemas so that code without a schema library can use them. */

export const GROUPS = [
  'day',
  'hour',
  'model',
  'device',
  'instance_type',
  'worker',
  'tag',
  'priority',
  'error_code',
] as const;
export type Group = (typeof GROUPS)[number];

export const PATTERNS = {
  large_files: 'Slow jobs whose file is larger than 100 MB.',
  gpu_issues: 'Slow jobs whose worker used its GPU below 50 %.',
  network_issues: 'Slow jobs that took longer than 300 s to download.',
  cold_starts: 'Slow jobs that were the first of their worker in this time.',
  cpu_fallback: 'Slow jobs that ran on a CPU, though others had a GPU.',
  bad_workers: 'Jobs that failed on a worker on which far more fail than elsewhere.',
  bad_sources: 'Jobs that failed with audio from a place of which far more fail than of others.',
  retries: 'Jobs that took more than one attempt.',
} as const;
export type Pattern = keyof typeof PATTERNS;

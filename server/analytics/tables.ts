/**
 * The columns of the analytic tables, in one place: `job_states` has a row for each job, `job_attempts` one for each attempt.
 * Times are UTC without a zone, so that `DATE(completed_at)` means the same in DuckDB, Athena and pandas.
 */

export type ColumnType = 'text' | 'texts' | 'integer' | 'number' | 'time';

export type Column = {
  name: string;
  type: ColumnType;
  meaning: string;
  /** Other names in filters: those of the documents. */
  aliases?: readonly string[];
};

export const JOB_COLUMNS = [
  { name: 'job_id', type: 'text', meaning: 'Unique.', aliases: ['id'] },
  { name: 'state', type: 'text', meaning: 'COMPLETED, FAILED, CANCELLED; of today’s jobs any other state, too.' },
  { name: 'priority', type: 'text', meaning: 'high, normal or low.' },
  { name: 'output_format', type: 'text', meaning: 'json, text, srt or vtt.' },
  { name: 'created_at', type: 'time', meaning: 'When it was submitted.' },
  { name: 'updated_at', type: 'time', meaning: 'When it last changed.' },
  { name: 'started_at', type: 'time', meaning: 'When the last attempt began; null before the first.' },
  { name: 'completed_at', type: 'time', meaning: 'When it ended, however; null while it has not.' },
  {
    name: 'audio_url',
    type: 'text',
    meaning: 'Without credentials and query string.',
    aliases: ['s3_path', 'input.s3_path'],
  },
  { name: 'audio_source', type: 'text', meaning: 'The bucket or host of audio_url and its first folder.' },
  {
    name: 'duration_seconds',
    type: 'number',
    meaning: 'Length of the audio.',
    aliases: ['duration', 'audio_duration', 'input.duration_seconds'],
  },
  {
    name: 'file_size_bytes',
    type: 'integer',
    meaning: 'Size of the audio.',
    aliases: ['file_size', 'input.file_size_bytes'],
  },
  {
    name: 'attempt',
    type: 'integer',
    meaning: 'Number of the last attempt; 2 and more: it was retried.',
    aliases: ['attempts'],
  },
  {
    name: 'runs',
    type: 'integer',
    meaning: 'How often it was handed to a worker; one that hands it back ends no attempt.',
  },
  { name: 'max_attempts', type: 'integer', meaning: 'After so many it fails.' },
  { name: 'worker_id', type: 'text', meaning: 'Of the last attempt.', aliases: ['worker', 'worker.worker_id'] },
  { name: 'instance_id', type: 'text', meaning: 'Of the last attempt.', aliases: ['worker.instance_id'] },
  { name: 'model', type: 'text', meaning: 'Of the worker, when the last attempt began.', aliases: ['worker.model'] },
  { name: 'device', type: 'text', meaning: 'cuda, cpu, …', aliases: ['worker.device'] },
  { name: 'instance_type', type: 'text', meaning: 'g4dn.xlarge, …', aliases: ['worker.instance_type'] },
  { name: 'gpu_usage', type: 'number', meaning: 'Mean of the last attempt in percent.', aliases: ['worker.gpu_usage'] },
  { name: 'queue_time_seconds', type: 'number', meaning: 'Time in the queue.', aliases: ['queue_time'] },
  {
    name: 'processing_time_seconds',
    type: 'number',
    meaning: 'Length of the last attempt.',
    aliases: ['processing_time'],
  },
  {
    name: 'download_time_seconds',
    type: 'number',
    meaning: 'Download within the last attempt.',
    aliases: ['download_time'],
  },
  {
    name: 'instance_time_seconds',
    type: 'number',
    meaning: 'Length of all ended attempts.',
    aliases: ['instance_time'],
  },
  { name: 'throughput_factor', type: 'number', meaning: 'Audio seconds per processing second.' },
  {
    name: 'cost_usd',
    type: 'number',
    meaning: 'Of all attempts, to the micro-dollar; null if no price is known.',
    aliases: ['cost', 'actual_cost_usd'],
  },
  { name: 'estimated_cost_usd', type: 'number', meaning: 'As estimated before it ran.' },
  { name: 'segments_count', type: 'integer', meaning: 'Of the transcript.', aliases: ['segments'] },
  { name: 'confidence_score', type: 'number', meaning: '0 to 1.', aliases: ['confidence'] },
  { name: 'transcript_url', type: 'text', meaning: 'Where the transcript is.', aliases: ['output.s3_path'] },
  { name: 'error_code', type: 'text', meaning: 'Of the last attempt that failed; null once the job is completed.' },
  { name: 'error_message', type: 'text', meaning: 'The same in words.', aliases: ['error'] },
  { name: 'tags', type: 'texts', meaning: 'As submitted.', aliases: ['tag'] },
  { name: 'metadata', type: 'text', meaning: 'As submitted: a JSON object.' },
  { name: 'source', type: 'text', meaning: 'Which source reported it last; null for a job of this queue.' },
  { name: 'version', type: 'integer', meaning: 'The last segment that changed it.' },
] as const satisfies readonly Column[];

export const ATTEMPT_COLUMNS = [
  { name: 'job_id', type: 'text', meaning: 'With run unique.' },
  { name: 'run', type: 'integer', meaning: 'Counts from 1; of more than 33 the latest are kept.' },
  { name: 'runs', type: 'integer', meaning: 'How many runs its job has.' },
  { name: 'attempt', type: 'integer', meaning: 'Counts from 1. A worker that hands its job back ends no attempt.' },
  { name: 'worker_id', type: 'text', meaning: 'Which worker tried.' },
  { name: 'instance_id', type: 'text', meaning: 'On which instance.' },
  { name: 'model', type: 'text', meaning: 'Of the worker, when it began.' },
  { name: 'device', type: 'text', meaning: 'cuda, cpu, …' },
  { name: 'instance_type', type: 'text', meaning: 'g4dn.xlarge, …' },
  { name: 'started_at', type: 'time', meaning: 'When it began.' },
  { name: 'ended_at', type: 'time', meaning: 'When it ended; null while it runs, or if that was not reported.' },
  { name: 'processing_time_seconds', type: 'number', meaning: 'From its start to its end.' },
  { name: 'download_time_seconds', type: 'number', meaning: 'Download within it.' },
  { name: 'gpu_usage', type: 'number', meaning: 'Mean in percent.' },
  { name: 'cost_usd', type: 'number', meaning: 'Time × price, to the micro-dollar; null if no price is known.' },
  { name: 'error_code', type: 'text', meaning: 'Why it ended without a transcript; null if it completed.' },
  { name: 'priority', type: 'text', meaning: 'Of the job.' },
  { name: 'tags', type: 'texts', meaning: 'Of the job.' },
  { name: 'duration_seconds', type: 'number', meaning: 'Length of the audio.' },
  { name: 'version', type: 'integer', meaning: 'Of the job’s row.' },
] as const satisfies readonly Column[];

export const TABLES = { job_states: JOB_COLUMNS, job_attempts: ATTEMPT_COLUMNS } as const;
export type TableName = keyof typeof TABLES;

/** In DuckDB. */
export const DUCKDB_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  texts: 'VARCHAR[]',
  integer: 'BIGINT',
  number: 'DOUBLE',
  time: 'TIMESTAMP',
};

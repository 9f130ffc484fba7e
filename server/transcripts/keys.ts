/** The keys of transcripts: `transcripts/{job_id}.json`, and a rendering in the job's output format. */
import { OUTPUT_FORMATS, type OutputFormat } from '../../protocol/job.ts';

const EXTENSIONS = { json: 'json', text: 'txt', srt: 'srt', vtt: 'vtt' } as const;

export const transcriptKey = (job_id: string, format: OutputFormat): string =>
  `transcripts/${job_id}.${EXTENSIONS[format]}`;

export const transcriptKeys = (job_id: string): string[] =>
  OUTPUT_FORMATS.map((format) => transcriptKey(job_id, format));

/** `tmon transcript`: prints a transcript. */
import { type Command, Option } from 'commander';
import { TRANSCRIPT_FORMATS, type TranscriptFormat } from '../protocol/transcript.ts';
import { type ClientOptions, clientCommand, clientOf, jobId } from './options.ts';

export function transcriptCommand(): Command {
  return clientCommand('transcript')
    .description('Print the transcript of a completed job.')
    .argument('<job>', 'its id, or the name that its system gave it', jobId)
    .addOption(new Option('--format <format>').choices(TRANSCRIPT_FORMATS).default('text'))
    .action(printTranscript);
}

async function printTranscript(jobId: string, options: ClientOptions & { format: TranscriptFormat }): Promise<void> {
  const format = options.json ? 'json' : options.format;
  const transcript = await clientOf(options).jobs.transcript(jobId, format);
  if (typeof transcript === 'string') process.stdout.write(transcript.endsWith('\n') ? transcript : `${transcript}\n`);
  else process.stdout.write(`${JSON.stringify(transcript, null, options.json ? 0 : 2)}\n`);
}

/** `tmon submit`: submits recordings; files are uploaded first. */
import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { JobEnd, JobSubmission } from '../protocol/job.ts';
import type { JobOptions } from '../protocol/job-options.ts';
import { CHANNELS, TASKS } from '../protocol/option-names.ts';
import type { JobWithId, TranscriptionAPI } from '../sdk/typescript/index.ts';
import { type NotRegularError, requireRegular } from '../sources/regular-file.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { amount, type ClientOptions, clientCommand, clientOf, collect, wholeNumber } from './options.ts';
import { colour, fileName, isTerminal, printJson, printLine } from './output.ts';
import { openProgressView } from './progress-bars.ts';
import { watchJobs } from './watch-jobs.ts';

type SubmitOptions = ClientOptions & {
  priority?: JobSubmission['priority'];
  format?: JobSubmission['output_format'];
  tag?: string[];
  tenant?: string;
  meta?: Record<string, string>;
  maxAttempts?: number;
  requireComplete?: boolean;
  webhookUrl?: string;
  webhookEvent?: JobEnd[];
  language?: string;
  model?: string;
  task?: JobOptions['task'];
  prompt?: string;
  hotwords?: string;
  wordTimestamps?: boolean;
  vad?: boolean;
  temperature?: number;
  channels?: JobOptions['channels'];
  requireDevice?: string;
  requireTag?: string[];
  diarize?: boolean;
  engineOption?: Record<string, string>;
  watch?: boolean;
  wait?: boolean;
};

export function submitCommand(): Command {
  return clientCommand('submit')
    .description('Submit recordings: files (which are uploaded), or s3:// and https:// URLs.')
    .argument('<file-or-url...>')
    .addOption(new Option('--priority <priority>').choices(['high', 'normal', 'low']))
    .addOption(new Option('--format <format>', 'format of the transcript').choices(['json', 'text', 'srt', 'vtt']))
    .option('--tag <tag>', 'a word to find the job by; repeatable', collect)
    .option('--tenant <id>', 'whose job it is, for keys that belong to no tenant')
    .option('--meta <name=value>', 'kept with the job; repeatable', pair)
    .option('--max-attempts <count>', 'attempts before the job fails permanently', wholeNumber)
    .option('--require-complete', 'fail a recording whose end is missing, instead of a warning')
    .option('--language <code>', 'what is spoken: en, de (default: detected)')
    .option('--model <name>', 'the model that transcribes it; only a worker with this model gets the job')
    .addOption(new Option('--task <task>', 'translate: into English').choices(TASKS))
    .option('--prompt <text>', 'a text in the style of the recording, with its names and words')
    .option('--hotwords <words>', 'words to expect')
    .option('--word-timestamps', 'the transcript has the times of words')
    .option('--vad', 'transcribe only what a voice detector finds')
    .option('--temperature <number>', '0 to 1', amount)
    .addOption(new Option('--channels <how>', 'split: each channel by itself').choices(CHANNELS))
    .option('--diarize', 'the transcript names the speakers')
    .option('--require-device <device>', 'only a worker with this device gets the job: cuda')
    .option('--require-tag <tag>', 'only a worker with this tag gets the job; repeatable', collect)
    .option('--engine-option <name=value>', 'an option of the engine, under its own name; repeatable', pair)
    .option('--webhook-url <url>', 'gets a signed POST when the job ends')
    .addOption(
      new Option('--webhook-event <end>', 'only these ends; repeatable: completed, failed, cancelled').argParser(
        (end: string, before: string[] = []) => [...before, end],
      ),
    )
    .option('--watch', 'show progress until the jobs end, then the transcripts; exit code 1 if one fails')
    .option('--wait', 'the same without progress')
    .action(submit);
}

async function submit(inputs: string[], options: SubmitOptions): Promise<void> {
  const api = clientOf(options);
  // All files are checked before the first is sent, so that a typing error submits nothing.
  for (const input of inputs) if (!isUrl(input)) await requireFile(input);
  const jobs: JobWithId[] = [];
  for (const input of inputs) {
    const job = await submitOne(api, input, options);
    jobs.push(job);
    if (options.json && !options.watch) printJson(job);
    else if (!options.json && !(options.watch && isTerminal())) printLine(`${job.id}\t${fileName(input)}`);
  }
  if (!options.watch && !options.wait) return;

  const view = options.watch ? openProgressView({ json: options.json === true }) : undefined;
  const ends = await watchJobs(
    api,
    jobs.map((job) => job.id),
    view,
  );
  if (options.watch && !options.json && isTerminal()) {
    for (const { id, input } of jobs.filter((job) => ends.completed.includes(job.id))) {
      const name = jobs.length > 1 ? `\n${colour('bold', fileName(input.s3_path))}` : '';
      printLine(`${name}\n${await api.jobs.transcript(id, 'text')}`.trimEnd());
    }
  }
  if (ends.failed.length + ends.cancelled.length > 0) process.exitCode = EXIT.failed;
}

/** Uploads a file; passes a URL on unchanged. Also used by the demo. */
export async function submitOne(
  api: TranscriptionAPI,
  input: string,
  {
    priority,
    format,
    tag,
    tenant,
    meta,
    maxAttempts,
    requireComplete,
    webhookUrl,
    webhookEvent,
    requireDevice,
    requireTag,
    ...more
  }: Omit<SubmitOptions, keyof ClientOptions> = {},
): Promise<JobWithId> {
  const options = optionsOf(more);
  const submission: JobSubmission = {
    audio_url: isUrl(input) ? input : await upload(api, input),
    ...(priority === undefined ? {} : { priority }),
    ...(format === undefined ? {} : { output_format: format }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(meta === undefined ? {} : { metadata: meta }),
    ...(maxAttempts === undefined ? {} : { max_attempts: maxAttempts }),
    ...(requireComplete === true ? { require_complete: true } : {}),
    ...(webhookUrl === undefined ? {} : { webhook_url: webhookUrl }),
    ...(webhookEvent === undefined ? {} : { webhook_events: webhookEvent }),
    ...(Object.keys(options).length === 0 ? {} : { options }),
    ...(requireDevice === undefined && requireTag === undefined
      ? {}
      : { requires: { ...(requireDevice && { device: requireDevice }), ...(requireTag && { tags: requireTag }) } }),
  };
  return api.jobs.submit(submission);
}

function optionsOf(given: Omit<SubmitOptions, keyof ClientOptions>): JobOptions {
  const { language, model, task, prompt, hotwords, wordTimestamps, vad, temperature, channels, diarize } = given;
  const { engineOption } = given;
  const options = { language, model, task, prompt, hotwords, word_timestamps: wordTimestamps, vad, temperature };
  const engine_options =
    engineOption && Object.fromEntries(Object.entries(engineOption).map(([name, text]) => [name, typed(text)]));
  const all = Object.entries({ ...options, channels, diarize, engine_options });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined)) as JobOptions;
}

/** `true`, `5` and `0.5` are what they look like. */
function typed(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

async function upload(api: TranscriptionAPI, path: string): Promise<string> {
  const { audio_url } = await api.uploads.create({ name: basename(path), body: await openAsBlob(path) });
  return audio_url;
}

function isUrl(input: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(input);
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'the file does not exist' : (error.code ?? error.message);
    throw new CommandError(EXIT.not_found, `${path}: ${reason}`, 'Give a recording, or an s3:// or https:// URL.');
  });
  await requireRegular(path, found).catch((error: NotRegularError) => {
    throw new CommandError(EXIT.usage, error.message, 'Give a recording, or an s3:// or https:// URL.');
  });
  if (!found.isFile()) {
    throw new CommandError(
      EXIT.usage,
      `${path} is not a file`,
      'Give the recordings in it, for example tmon submit recordings/*.mp3',
    );
  }
}

function pair(value: string, before: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Must be name=value.');
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}

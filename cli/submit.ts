/** `tmon submit`: submits recordings; files are uploaded first. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { JobEnd, JobSubmission } from '../protocol/job.ts';
import type { JobOptions } from '../protocol/job-options.ts';
import { CHANNELS, TASKS } from '../protocol/option-names.ts';
import type { JobWithId, TranscriptionAPI } from '../sdk/typescript/index.ts';
import { EXIT, reportError } from './exit-code.ts';
import { positive } from './limit-options.ts';
import { amount, type ClientOptions, clientCommand, clientOf, collect, wholeNumber } from './options.ts';
import { colour, fileName, isTerminal, note, oneLine, printJson, printLine } from './output.ts';
import { openProgressView } from './progress-bars.ts';
import { findInputs, type Input, shownAs } from './submit/inputs.ts';
import { type SubmitResult, type SubmitRun, submitAll } from './submit/submit-all.ts';
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
  recursive?: boolean;
  from?: string;
  parallel: number;
  once?: boolean;
  watch?: boolean;
  wait?: boolean;
};

export function submitCommand(): Command {
  return clientCommand('submit')
    .description('Submit recordings: files (which are uploaded), or s3:// and https:// URLs.')
    .argument('[file-or-url...]')
    .option('-r, --recursive', 'all recordings in folders, and below s3://bucket/prefix/; hidden ones are left out')
    .option('--from <list>', 'a file with one file or URL a line, # for comments; -: standard input')
    .option('--parallel <count>', 'files uploaded at once', positive, 4)
    .option('--once', 'skip what the same command has submitted before (the default with --recursive and --from)')
    .option('--no-once', 'submit it again')
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
    .option(
      '--watch',
      'show progress until the jobs end, then the transcripts; exit code 1 if one fails. In a pipe or a file are only the transcripts',
    )
    .option('--wait', 'wait until the jobs end; exit code 1 if one fails')
    .action(submit);
}

async function submit(given: string[], options: SubmitOptions): Promise<void> {
  const api = clientOf(options);
  const { inputs, others, unreadable } = await findInputs(given, options);
  for (const what of unreadable) note(`tmon: ${what}`);
  const many = options.recursive === true || options.from !== undefined;
  const run = await submitAll(api, inputs, submissionOf(options), {
    parallel: options.parallel,
    once: options.once ?? many,
    show: (result) => showResult(result, options),
    report: (error, input) => reportError(named(error, input, inputs.length > 1), options.json === true),
  });
  if (many) note(summaryOf(run, { others, unreadable: unreadable.length }));
  if (unreadable.length > 0) process.exitCode = EXIT.failed;
  if (run.exitCode !== EXIT.fine) process.exitCode = run.exitCode;
  if (run.interrupted || (!options.watch && !options.wait)) return;

  const jobs = run.results.map(({ job }) => job);
  const text = options.watch === true && options.json !== true;
  // The transcripts are the result; in a pipe or a file nothing else is with them.
  const stream = text && !isTerminal() ? process.stderr : process.stdout;
  const view = options.watch ? openProgressView({ json: options.json === true, stream }) : undefined;
  const ids = [...new Set(jobs.map((job) => job.id))];
  const ends = await watchJobs(api, ids, view);
  if (text)
    await printTranscripts(
      api,
      jobs.filter((job) => ends.completed.includes(job.id)),
      { format: options.format, several: ids.length > 1 },
    );
  if (ends.failed.length + ends.cancelled.length > 0) process.exitCode = EXIT.failed;
}

async function printTranscripts(
  api: TranscriptionAPI,
  jobs: readonly JobWithId[],
  { format = 'text', several }: { format?: SubmitOptions['format']; several: boolean },
): Promise<void> {
  for (const { id, input } of jobs) {
    const found = await api.jobs.transcript(id, format);
    const text = typeof found === 'string' ? found : JSON.stringify(found, null, 2);
    const name = several ? `\n${colour('bold', fileName(input.s3_path))}\n` : isTerminal() ? '\n' : '';
    printLine(`${name}${text}`.trimEnd());
  }
}

/** The id, the name and, if the same command has submitted it before, `skipped` and its state. */
function showResult({ input, job, skipped }: SubmitResult, options: SubmitOptions): void {
  const name =
    'path' in input && (options.recursive || options.from !== undefined) ? input.path : fileName(shownAs(input));
  const line = [job.id, name, ...(skipped ? [`skipped (${job.state})`] : [])].map(oneLine).join('\t');
  if (options.json && !options.watch) printJson({ ...job, ...(skipped ? { skipped } : {}) });
  else if (options.watch && !isTerminal() && !options.json) note(line);
  else if (!options.json && !(options.watch && isTerminal())) printLine(line);
}

function summaryOf(
  { results, failed, left, interrupted }: SubmitRun,
  { others, unreadable }: { others: number; unreadable: number },
): string {
  const skipped = results.filter((result) => result.skipped).length;
  const counts = [
    `${results.length - skipped} submitted`,
    `${skipped} skipped`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(left > 0 ? [`${left} not yet`] : []),
    ...(others > 0 ? [`${others} files are no recordings`] : []),
    ...(unreadable > 0 ? [`${unreadable} unreadable`] : []),
  ];
  return `${counts.join(', ')}${interrupted ? '; the same command goes on from here' : ''}`;
}

function named(error: unknown, input: Input, several: boolean): unknown {
  if (!several || !(error instanceof Error)) return error;
  return Object.create(error, { message: { value: `${shownAs(input)}: ${error.message}` } });
}

/** All but the recording, which the options of the command do not depend on. */
export function submissionOf({
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
}: Partial<SubmitOptions> = {}): Omit<JobSubmission, 'audio_url'> {
  const options = optionsOf(more);
  return {
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
}

function optionsOf(given: Partial<SubmitOptions>): JobOptions {
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

function pair(value: string, before: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Must be name=value.');
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}

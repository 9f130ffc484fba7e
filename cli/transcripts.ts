/**
 * `tmon transcripts`: downloads the transcripts of many jobs, each into a file named after its recording.
 *
 * Of several jobs with the same name the oldest has the plain one, and the others their id in it, so that a later run gives
 * each the same name. A file that exists is left as it is, and a file appears whole or not at all.
 */
import { access, link, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PRIORITIES } from '../protocol/job.ts';
import type { TranscriptFormat } from '../protocol/transcript.ts';
import { NoAnswerError, RefusedError, type TranscriptionAPI } from '../sdk/typescript/index.ts';
import { atOnce } from './at-once.ts';
import { CommandError, EXIT, reportError } from './exit-code.ts';
import { type JobsOptions, queryOf } from './jobs.ts';
import { positive } from './limit-options.ts';
import { clientCommand, clientOf, moment } from './options.ts';
import { fileName, note, oneLine, printJson, printLine } from './output.ts';

const EXTENSIONS: Readonly<Record<TranscriptFormat, string>> = {
  text: 'txt',
  json: 'json',
  verbose_json: 'json',
  srt: 'srt',
  vtt: 'vtt',
};
/** Of a file name on every usual file system, in bytes, with room for an id and an extension. */
const NAME_BYTES_MAX = 160;

type TranscriptsOptions = Omit<JobsOptions, 'limit' | 'state' | 'worker' | 'verdict' | 'error'> & {
  output: string;
  format: TranscriptFormat;
  force?: true;
  parallel: number;
};

export function transcriptsCommand(): Command {
  return clientCommand('transcripts')
    .description('Download the transcripts of all completed jobs that match, named after their recordings.')
    .addOption(
      new Option('-o, --output <folder>', 'where they are written; it is made if needed').makeOptionMandatory(),
    )
    .addOption(new Option('--format <format>').choices(Object.keys(EXTENSIONS)).default('text'))
    .option('--tag <tag>')
    .option('--tenant <id>', 'of this tenant')
    .addOption(new Option('--priority <priority>').choices(PRIORITIES))
    .option('--model <model>', 'whose worker has this model')
    .option('--suspect', 'whose transcript can hardly be what was said')
    .option('--after <time>', 'submitted at or after: 2025-07-07, 2025-07-07T19:30:00Z, or 30m, 12h, 7d ago', moment)
    .option('--before <time>', 'submitted before', moment)
    .option('--q <text>', 'matches id, input path, tags or metadata')
    .option('--force', 'write files that exist again')
    .option('--parallel <count>', 'transcripts downloaded at once', atMost64, 4)
    .action(download);
}

function atMost64(value: string): number {
  const count = positive(value);
  if (count <= 64) return count;
  throw new InvalidArgumentError('Must be at most 64.');
}

async function download(options: TranscriptsOptions): Promise<void> {
  const { output, format, force = false, parallel } = options;
  const api = clientOf(options);
  const jobs: { id: string; name: string }[] = [];
  for await (const { id, input } of api.jobs.list(queryOf({ ...options, state: 'COMPLETED', limit: 0 }))) {
    jobs.push({ id, name: nameOf(input.s3_path) });
  }
  await mkdir(output, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(EXIT.usage, `${output} cannot be made: ${error.code}`, 'Give a folder with -o.');
  });
  const counts = { written: 0, there: 0, failed: 0 };
  await atOnce(withFileNames(jobs.reverse(), EXTENSIONS[format]), { parallel }, async ({ id, file }) => {
    const path = join(output, file);
    try {
      const written = (force || !(await exists(path))) && (await write(api, id, { path, format, force }));
      counts[written ? 'written' : 'there'] += 1;
      if (options.json) printJson({ job_id: id, path, written });
      else if (written) printLine(`${id}\t${oneLine(path)}`);
    } catch (error) {
      if (error instanceof NoAnswerError || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
      // One that is damaged, or was erased since, stops no other.
      if (!(error instanceof RefusedError)) throw new CommandError(EXIT.failed, `${path}: ${(error as Error).message}`);
      counts.failed += 1;
      process.exitCode = reportError(error, options.json === true);
    }
  });
  if (options.json) return;
  if (jobs.length === 0) return note('no completed jobs match');
  const there = counts.there > 0 ? `, ${counts.there} were there (--force writes them again)` : '';
  note(`${counts.written} written${there}${counts.failed > 0 ? `, ${counts.failed} failed` : ''}`);
}

/** Returns whether it was written, and not there already. */
async function write(
  api: TranscriptionAPI,
  id: string,
  { path, format, force }: { path: string; format: TranscriptFormat; force: boolean },
): Promise<boolean> {
  const found = await api.jobs.transcript(id, format);
  const text = typeof found === 'string' ? found : JSON.stringify(found, null, 2);
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, text.endsWith('\n') ? text : `${text}\n`);
    if (force) await rename(partial, path);
    // Unlike a rename, a link never replaces what another has written meanwhile.
    else await link(partial, path).catch(renameWithoutLinks(partial, path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(partial, { force: true });
  }
}

/** FAT has no links. */
const renameWithoutLinks = (partial: string, path: string) => async (error: NodeJS.ErrnoException) => {
  if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(error.code ?? '') || (await exists(path))) throw error;
  await rename(partial, path);
};

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The name of the recording without its extension, as every file system takes it. */
function nameOf(s3_path: string): string {
  const plain = fileName(s3_path)
    .replace(/\.[A-Za-z0-9]{1,5}$/, '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a name.
    .replace(/[/\\:*?"<>|\u0000-\u001f\u007f]/g, '_')
    .replace(/^\.+|[. ]+$/g, '');
  const cut = Buffer.from(plain)
    .subarray(0, NAME_BYTES_MAX)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
  return cut === '' ? 'transcript' : cut;
}

/** Oldest first. Names that differ only in case are the same on some file systems. */
export function withFileNames(
  jobs: readonly { id: string; name: string }[],
  extension: string,
): { id: string; file: string }[] {
  const taken = new Set<string>();
  return jobs.map(({ id, name }) => {
    const key = name.normalize('NFC').toLowerCase();
    const file = taken.has(key) ? `${name}.${id.replace(/[^\w.-]/g, '_')}.${extension}` : `${name}.${extension}`;
    taken.add(key);
    return { id, file };
  });
}

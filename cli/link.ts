/** `tmon link`: URLs that open one transcript, or take one upload, without a key. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../protocol/alert-rules.ts';
import { OUTPUT_FORMATS, type OutputFormat } from '../protocol/job.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf, jobId, wholeNumber } from './options.ts';
import { note, printJson, printLine } from './output.ts';

type LinkOptions = ClientOptions & {
  format?: OutputFormat;
  expires?: number;
  upload?: boolean;
  bytesMax?: number;
  revoke?: string;
};

export function linkCommand(): Command {
  return clientCommand('link')
    .description('Create a URL that opens the transcript of a job, or takes one upload, without a key; revoke one.')
    .argument('[job]', 'its id, or the name that its system gave it', jobId)
    .addOption(new Option('--format <format>', "of the transcript; default: the job's own").choices(OUTPUT_FORMATS))
    .option('--expires <duration>', 'how long it counts: 30m, 12h, 7d at most (default: 1d)', seconds)
    .option('--upload', 'for one upload')
    .option('--bytes-max <n>', 'with --upload: the largest file', wholeNumber)
    .option('--revoke <id>', 'end the link with this id')
    .action(link);
}

async function link(job: string | undefined, options: LinkOptions): Promise<void> {
  const api = clientOf(options);
  const { format, expires, upload, bytesMax, revoke, json } = options;
  const chosen = [job !== undefined, upload === true, revoke !== undefined].filter(Boolean).length;
  if (chosen !== 1)
    throw new CommandError(EXIT.usage, 'a link to what?', 'Name a job, or use --upload or --revoke ID.');
  if (revoke !== undefined) {
    const ended = await api.links.revoke(revoke);
    return json ? printJson(ended) : printLine(`${ended.link_id}\trevoked`);
  }
  const lifetime = expires === undefined ? {} : { expires_in_seconds: expires };
  const made =
    job === undefined
      ? await api.uploads.createLink({ ...lifetime, ...(bytesMax === undefined ? {} : { bytes_max: bytesMax }) })
      : await api.jobs.createLink(job, { ...lifetime, ...(format === undefined ? {} : { format }) });
  if (json) return printJson(made);
  printLine(made.url);
  note(`until ${made.expires_at}; tmon link --revoke ${made.link_id} ends it`);
}

function seconds(value: string): number {
  const parsed = parseDuration(value);
  if (parsed !== null && parsed >= 1) return Math.round(parsed);
  throw new InvalidArgumentError('Must be a duration like 30m, 12h or 7d.');
}

/**
 * `--print-query`: CloudWatch queries equivalent to each `tmon logs` command. Those of the project's design document,
 * byte for byte, and corrected ones. Each says what it returns, so that nobody picks the wrong one.
 */
import { readSystemUrl } from '../../protocol/system-urls.ts';
import { printJson, printLine } from '../output.ts';

export type Query = {
  /** What it returns, in a few words. */
  name: string;
  /** As in the document, or corrected. */
  form: 'as_printed' | 'corrected';
  /** Its purpose, or, for one as printed, what it does not do. */
  says: string;
  language: 'logs_insights' | 'shell';
  text: string;
};

const PRINTED_GROUP = '/aws/ec2/transcription';

export function queriesOf(view: string, sources: readonly string[]): Query[] {
  return (QUERIES[view] ?? QUERIES.jobs!)(groupOf(sources));
}

/** The first log group named, otherwise the document's. */
function groupOf(sources: readonly string[]): string {
  const url = sources.find((source) => source.startsWith('cloudwatch-logs:'));
  const read = url === undefined ? undefined : readSystemUrl(url);
  return read?.system === 'cloudwatch-logs' ? read.group : PRINTED_GROUP;
}

export function showQueries(queries: readonly Query[], json: boolean): void {
  if (json) return printJson(queries);
  const blocks = queries.map(({ name, form, says, language, text }) => {
    const where = language === 'shell' ? 'in a shell' : 'in Logs Insights';
    const head = form === 'as_printed' ? `${name} (as printed in the design document, ${where})` : `${name} (${where})`;
    return `# ${head}\n# ${says}\n${text}`;
  });
  printLine(blocks.join('\n\n'));
}

const STARTS_AS_PRINTED = `\
fields @timestamp, @message
| filter @message like /JOB_START/
| stats count() by bin(5m)`;

const FAILURES_AS_PRINTED = `\
fields @timestamp, @message  
| filter @message like /JOB_FAILED/
| sort @timestamp desc`;

const STARTED_LATELY_AS_PRINTED = `\
aws logs filter-log-events \\
  --log-group-name /aws/ec2/transcription \\
  --start-time $(date -d '30 minutes ago' +%s)000 \\
  --filter-pattern "JOB_START" \\
  --query 'events[*].message'`;

const FAILED_LATELY_AS_PRINTED = `\
aws logs filter-log-events \\
  --log-group-name /aws/ec2/transcription \\
  --start-time $(date -d '1 hour ago' +%s)000 \\
  --filter-pattern "JOB_FAILED" \\
  --query 'length(events)'`;

const ANY = '?TRANSCRIPTION_EVENT ?JOB_START ?JOB_PROGRESS ?JOB_COMPLETE ?JOB_FAILED';
const OURS = '/JOB_(START|PROGRESS|COMPLETE|FAILED)"?[:, ]+"?job_id/';
const JOB_ID = '/job_id"?[=:] ?"?(?<job_id>[A-Za-z0-9][A-Za-z0-9_-]*)/';

/** `date -d` exists only in GNU; this works in every shell. */
const since = (seconds: number): string => `$(( ($(date +%s) - ${seconds}) * 1000 ))`;

const piped = (group: string, seconds: number, command: string): string => `\
aws logs filter-log-events \\
  --log-group-name ${group} \\
  --start-time ${since(seconds)} \\
  --filter-pattern '${ANY}' \\
  --output text | ${command}`;

const QUERIES: Record<string, (group: string) => Query[]> = {
  watch: (group) => [
    corrected('progress of jobs', 'Follows the group until Ctrl-C.', {
      shell: `aws logs tail ${group} --follow --filter-pattern '${ANY}' | tmon logs watch`,
    }),
  ],
  jobs: (group) => [
    corrected('jobs and their last lines', 'One row per job: its last report.', {
      insights: `\
fields @timestamp, @message
| filter @message like ${OURS}
| parse @message ${JOB_ID}
| stats max(@timestamp) as last_told, latest(@message) as last_line by job_id
| sort last_told desc`,
    }),
    corrected('jobs of the last day', 'Without rights to Logs Insights.', {
      shell: piped(group, 86_400, 'tmon logs jobs'),
    }),
  ],
  stuck: (group) => [
    corrected('running jobs, the longest silent first', 'Stuck are those whose last_told is too long ago.', {
      insights: `\
fields @timestamp, @message
| filter @message like ${OURS}
| parse @message ${JOB_ID}
| stats max(@timestamp) as last_told, latest(@message) as last_line by job_id
| filter last_line not like /JOB_(COMPLETE|FAILED)/
| sort last_told asc`,
    }),
    corrected(
      'stuck jobs',
      'Jobs of the last day without progress for longer than their own pace predicts. Exit code 1: at least one.',
      {
        shell: piped(group, 86_400, 'tmon logs stuck --stuck-after 30m'),
      },
    ),
    asPrinted(
      'starts of the last 30 minutes',
      'NOT stuck jobs, as the document says: it lists recent starts, ended or not.',
      {
        shell: STARTED_LATELY_AS_PRINTED,
      },
    ),
  ],
  failures: (group) => [
    corrected(
      'failures, newest first',
      'One row per failure, with job and error; ignores lines that only mention one.',
      {
        insights: `\
fields @timestamp, @message
| filter @message like /JOB_FAILED"?[:, ]+"?job_id/
| parse @message ${JOB_ID}
| parse @message /error"?[=:] ?"?(?<error>.*?)"?\\}?$/
| display @timestamp, job_id, error
| sort @timestamp desc`,
      },
    ),
    corrected('failure rate', 'Failed ÷ ended.', {
      insights: `\
fields strcontains(@message, 'JOB_FAILED') as is_failed, strcontains(@message, 'JOB_COMPLETE') as is_completed
| filter @message like /JOB_(COMPLETE|FAILED)"?[:, ]+"?job_id/
| stats sum(is_failed) as failed, sum(is_completed) as completed, 100 * sum(is_failed) / count(*) as percent_failed`,
    }),
    corrected('failures of the last hour and their rate', 'Without rights to Logs Insights.', {
      shell: piped(group, 3600, 'tmon logs failures'),
    }),
    asPrinted('lines with JOB_FAILED, newest first', 'Whole lines, including those that only mention a failure.', {
      insights: FAILURES_AS_PRINTED,
    }),
    asPrinted(
      'number of failures in the last hour',
      'NOT a failure rate, as the document says: a count, whatever the number of jobs.',
      {
        shell: FAILED_LATELY_AS_PRINTED,
      },
    ),
  ],
  rate: (group) => [
    corrected('starts per 5 minutes, in order', 'Only starts; a job that starts again counts again.', {
      insights: `\
filter @message like /JOB_START"?[:, ]+"?job_id/
| stats count(*) as starts by bin(5m) as from_time
| sort from_time asc`,
    }),
    corrected('starts per 5 minutes of the last day', 'Without rights to Logs Insights.', {
      shell: piped(group, 86_400, 'tmon logs rate'),
    }),
    asPrinted('lines with JOB_START per 5 minutes', 'Unordered; also counts lines that only mention a start.', {
      insights: STARTS_AS_PRINTED,
    }),
  ],
};

type Text = { insights: string } | { shell: string };

function corrected(name: string, says: string, text: Text): Query {
  return { name, form: 'corrected', says, ...languageOf(text) };
}

function asPrinted(name: string, says: string, text: Text): Query {
  return { name, form: 'as_printed', says, ...languageOf(text) };
}

function languageOf(text: Text): Pick<Query, 'language' | 'text'> {
  return 'shell' in text ? { language: 'shell', text: text.shell } : { language: 'logs_insights', text: text.insights };
}

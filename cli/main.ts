/**
 * `tmon`: the command line. One file per command; only the requested command is loaded, because loading all of them
 * takes half a second of processor time, most of what a short command takes.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { cacheDirectory, ownVersion } from '../installation/own-files.ts';
import { EXIT, EXIT_CODES_HELP, reportError } from './exit-code.ts';
import { prepareNetwork } from './network.ts';
import { endQuietlyWhenNobodyReads } from './output.ts';

// Caches the compiled modules loaded from here on: starts the monitor 0.3 s faster. In our own folder, because others
// could plant code in the system's temporary one.
enableCompileCache(join(cacheDirectory(), 'compile'));

const TUTORIAL = `\
tmon: the control plane for a fleet of transcription workers. To get a first transcript, in three terminals:

  tmon serve                      start the monitor on ./data and http://127.0.0.1:8080
  tmon worker                     start a worker with an installed speech recognition engine
  tmon submit talk.mp3 --watch    submit a recording and watch its progress

  tmon top                        a live overview        tmon transcript JOB        print a transcript
  tmon watch [JOB…]               progress of jobs       tmon retry JOB…            retry failed jobs
  tmon jobs --state FAILED        list jobs              tmon cancel JOB…           cancel jobs
  tmon job JOB                    one job in detail
  tmon submit -r DIR --tag X      every recording in a folder, each once; also s3://bucket/prefix/, --from LIST
  tmon transcripts --tag X -o DIR download the transcripts of many jobs
  tmon workers [ID] [--drain]     list workers           tmon queue [dlq]           queue and dead letters
  tmon alerts                     alerts: ack, silence, rules, check FILE, test RULE --since 7d
  tmon keys                       API keys: create --role ROLE, rotate KEY, revoke KEY
  tmon sessions                   signed-in browsers: revoke SESSION
  tmon tenants [set|pause|resume ID]  who shares the fleet, by which limits
  tmon policies [check FILE]      what is done about verdicts    tmon actions   what was done
  tmon audit                      who did what; audit export, audit verify --store URL
  tmon link JOB                   a URL of a transcript, without a key; --upload for one upload
  tmon purge --tag X              erase jobs for ever    tmon retention   what is erased next
  tmon reconcile [--dry-run]      compare workers with the fleet's instances
  tmon notifications [--replay ID] messages about jobs, and their delivery
  tmon doctor [--store URL]       check the setup        tmon rebuild --store URL   rebuild all views
  tmon worker doctor              check what a worker needs: engine, model, GPU, disk, the way to the monitor

What jobs cost and what slows them down:

  tmon costs [--by model]         costs of 30 days       tmon bottlenecks          slow and failing jobs, and why
  tmon sql "SELECT …"             all jobs of a store, as a table, CSV, JSON or Parquet; no monitor needed
  tmon analytics ddl              statements for Athena and DuckDB

Without a monitor, from what workers report to a log, a bucket, a table or a queue:

  tmon check URL…                 find stuck and failed jobs; exit code 0, 1 or 3
  tmon logs watch [SOURCE…]       live jobs of a log; also logs jobs, stuck, failures, rate
  tmon db init URL                create the table in which workers report
  tmon aws template               a fleet on SQS and CloudWatch; tmon aws status: its status
  tmon recommend                  which system fits, and its monthly cost
  tmon import URL                 import history into a monitor; \`tmon serve --source URL\` follows it live

Details: \`tmon help COMMAND\`. --server URL or TMON_SERVER selects the monitor; --json is for programs.
--ca FILE or TMON_CA trusts a private certificate authority; HTTPS_PROXY, HTTP_PROXY and NO_PROXY are followed.
${EXIT_CODES_HELP}
`;

/** In the order of the help text. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  worker: async () => (await import('./worker.ts')).workerCommand(),
  submit: async () => (await import('./submit.ts')).submitCommand(),
  watch: async () => (await import('./watch.ts')).watchCommand(),
  top: async () => (await import('./top.ts')).topCommand(),
  jobs: async () => (await import('./jobs.ts')).jobsCommand(),
  job: async () => (await import('./job.ts')).jobCommand(),
  transcript: async () => (await import('./transcript.ts')).transcriptCommand(),
  transcripts: async () => (await import('./transcripts.ts')).transcriptsCommand(),
  cancel: async () => (await import('./cancel.ts')).cancelCommand(),
  retry: async () => (await import('./retry.ts')).retryCommand(),
  workers: async () => (await import('./workers.ts')).workersCommand(),
  policies: async () => (await import('./policies.ts')).policiesCommand(),
  actions: async () => (await import('./actions.ts')).actionsCommand(),
  link: async () => (await import('./link.ts')).linkCommand(),
  purge: async () => (await import('./purge.ts')).purgeCommand(),
  retention: async () => (await import('./retention.ts')).retentionCommand(),
  reconcile: async () => (await import('./reconcile.ts')).reconcileCommand(),
  queue: async () => (await import('./queue.ts')).queueCommand(),
  notifications: async () => (await import('./notifications.ts')).notificationsCommand(),
  alerts: async () => (await import('./alerts.ts')).alertsCommand(),
  tenants: async () => (await import('./tenants.ts')).tenantsCommand(),
  keys: async () => (await import('./keys.ts')).keysCommand(),
  sessions: async () => (await import('./sessions.ts')).sessionsCommand(),
  audit: async () => (await import('./audit.ts')).auditCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  db: async () => (await import('./db.ts')).dbCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  sql: async () => (await import('./sql.ts')).sqlCommand(),
  costs: async () => (await import('./costs.ts')).costsCommand(),
  bottlenecks: async () => (await import('./bottlenecks.ts')).bottlenecksCommand(),
  analytics: async () => (await import('./analytics.ts')).analyticsCommand(),
  rebuild: async () => (await import('./rebuild.ts')).rebuildCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  aws: async () => (await import('./aws.ts')).awsCommand(),
  recommend: async () => (await import('./recommend.ts')).recommendCommand(),
  logs: async () => (await import('./logs.ts')).logsCommand(),
};

/** `tmon help check` is `tmon check --help`. */
function argumentsOf([first, second, ...rest]: readonly string[]): string[] {
  if (first !== 'help') return [first, second, ...rest].filter((one) => one !== undefined);
  if (second === undefined) return ['--help'];
  return Object.hasOwn(COMMANDS, second) ? [second, ...rest, '--help'] : [second];
}

/** Only the named command is loaded; of the others, for suggestions, the names. */
async function createProgram(name = ''): Promise<Command> {
  const program = new Command('tmon')
    .description('The control plane for a fleet of transcription workers.')
    .version(ownVersion(), '-V, --version')
    .helpCommand(false)
    .showSuggestionAfterError(true);
  for (const [known, make] of Object.entries(COMMANDS))
    program.addCommand(known === name ? await make() : new Command(known));
  program.hook('preAction', async (_, command) => {
    await prepareNetwork({ ca: command.opts().ca ?? process.env.TMON_CA, environment: process.env });
  });
  program.helpInformation = () => TUTORIAL;
  speakOurWay(program);
  return program;
}

function speakOurWay(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} });
  for (const below of command.commands) speakOurWay(below);
}

/** Commander's own exits: help succeeds; anything else is a usage error, shown in our format. */
function reportUsage(error: CommanderError, json: boolean): number {
  if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const requested = given[0] ?? '';
  const command = Object.hasOwn(COMMANDS, requested) ? `tmon ${requested}` : 'tmon';
  const hint = suggestion?.replace(/^\(|\)$/g, '') ?? `\`${command} --help\` lists the arguments.`;
  return reportError(Object.assign(new Error(message), { kind: 'invalid', hint, code: 'bad_usage' }), json);
}

endQuietlyWhenNobodyReads();
const json = process.argv.includes('--json');
const given = argumentsOf(process.argv.slice(2));
try {
  await (await createProgram(given[0])).parseAsync(given, { from: 'user' });
} catch (error) {
  process.exitCode = error instanceof CommanderError ? reportUsage(error, json) : reportError(error, json);
}

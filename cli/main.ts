/**
 * `tmon`: the command line. One file a command, and only the file of the command that was asked for is loaded: all of them take
 * half a second of processor time to load, the most of what a short command takes.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { EXIT, EXIT_CODES_HELP, reportError } from './exit-code.ts';
import { endQuietlyWhenNobodyReads } from './output.ts';

// What is loaded from here on is compiled, and stripped of its types, once: a start of the monitor takes 0.3 s less. In our own
// folder and not the system's temporary one, where others could leave us something to run.
enableCompileCache(fileURLToPath(new URL('../.cache/compile', import.meta.url)));

const TUTORIAL = `\
tmon: the control plane of a fleet of transcription workers. A first transcript, in three terminals:

  tmon serve                      the monitor, on ./data and http://127.0.0.1:8080
  tmon worker                     a worker beside it, with the speech recogniser it finds
  tmon submit talk.mp3 --watch    a recording, and its progress

  tmon top                        all of it, live        tmon transcript JOB        what was said
  tmon watch [JOB…]               jobs as they go        tmon retry JOB…            once more
  tmon jobs --state FAILED        what went wrong        tmon cancel JOB…           not after all
  tmon job JOB                    one job, all of it
  tmon workers [ID] [--drain]     who works on it        tmon queue [dlq]           what waits, what died
  tmon doctor [--store URL]       is all well here?      tmon rebuild --store URL   every view made anew

Without a monitor, by what workers tell in a log, a bucket, a table or a queue:

  tmon check URL…                 what is stuck, failed or gone; exit code 0, 1 or 3
  tmon logs watch [SOURCE…]       a log’s jobs, live; logs jobs, stuck, failures, rate
  tmon db init URL                the table to tell of jobs in
  tmon aws template               a fleet on SQS and CloudWatch; tmon aws status: how it stands
  tmon recommend                  which of these, and what it costs a month
  tmon import URL                 their history into a monitor; \`tmon serve --source URL\` follows them live

\`tmon COMMAND --help\` says more; --server URL or TMON_SERVER names another monitor; --json is for programs.
${EXIT_CODES_HELP}
`;

/** In the order of their help. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  worker: async () => (await import('./worker.ts')).workerCommand(),
  submit: async () => (await import('./submit.ts')).submitCommand(),
  watch: async () => (await import('./watch.ts')).watchCommand(),
  top: async () => (await import('./top.ts')).topCommand(),
  jobs: async () => (await import('./jobs.ts')).jobsCommand(),
  job: async () => (await import('./job.ts')).jobCommand(),
  transcript: async () => (await import('./transcript.ts')).transcriptCommand(),
  cancel: async () => (await import('./cancel.ts')).cancelCommand(),
  retry: async () => (await import('./retry.ts')).retryCommand(),
  workers: async () => (await import('./workers.ts')).workersCommand(),
  queue: async () => (await import('./queue.ts')).queueCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  db: async () => (await import('./db.ts')).dbCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  rebuild: async () => (await import('./rebuild.ts')).rebuildCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  aws: async () => (await import('./aws.ts')).awsCommand(),
  recommend: async () => (await import('./recommend.ts')).recommendCommand(),
  logs: async () => (await import('./logs.ts')).logsCommand(),
};

/** With the command of this name; with all of them where there is none. */
async function createProgram(name = ''): Promise<Command> {
  const program = new Command('tmon')
    .description('The control plane for a fleet of transcription workers.')
    .helpCommand(false)
    .showSuggestionAfterError(true);
  const asked = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]!] : Object.values(COMMANDS);
  for (const command of await Promise.all(asked.map((make) => make()))) program.addCommand(command);
  program.helpInformation = () => TUTORIAL;
  speakOurWay(program);
  return program;
}

function speakOurWay(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} });
  for (const below of command.commands) speakOurWay(below);
}

/** Commander's own ends: help is one that went well; anything else is bad usage, said in our way. */
function reportUsage(error: CommanderError, json: boolean): number {
  if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const asked = process.argv[2] ?? '';
  const command = Object.hasOwn(COMMANDS, asked) ? `tmon ${asked}` : 'tmon';
  const hint = suggestion?.replace(/^\(|\)$/g, '') ?? `\`${command} --help\` says what it takes.`;
  return reportError(Object.assign(new Error(message), { kind: 'invalid', hint, code: 'bad_usage' }), json);
}

endQuietlyWhenNobodyReads();
const json = process.argv.includes('--json');
try {
  await (await createProgram(process.argv[2])).parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? reportUsage(error, json) : reportError(error, json);
}

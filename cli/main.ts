/** `tmon`: the command line. One file a command; what is heavy (the server, engines) is loaded only by the command that needs it. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { awsCommand } from './aws.ts';
import { cancelCommand } from './cancel.ts';
import { checkCommand } from './check.ts';
import { dbCommand } from './db.ts';
import { doctorCommand } from './doctor.ts';
import { EXIT, EXIT_CODES_HELP, reportError } from './exit-code.ts';
import { importCommand } from './import.ts';
import { jobCommand } from './job.ts';
import { jobsCommand } from './jobs.ts';
import { logsCommand } from './logs.ts';
import { endQuietlyWhenNobodyReads } from './output.ts';
import { queueCommand } from './queue.ts';
import { rebuildCommand } from './rebuild.ts';
import { recommendCommand } from './recommend.ts';
import { retryCommand } from './retry.ts';
import { serveCommand } from './serve.ts';
import { submitCommand } from './submit.ts';
import { topCommand } from './top.ts';
import { transcriptCommand } from './transcript.ts';
import { watchCommand } from './watch.ts';
import { workerCommand } from './worker.ts';
import { workersCommand } from './workers.ts';

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

function createProgram(): Command {
  const program = new Command('tmon')
    .description('The control plane for a fleet of transcription workers.')
    .helpCommand(false)
    .showSuggestionAfterError(true);
  for (const command of [
    serveCommand(),
    workerCommand(),
    submitCommand(),
    watchCommand(),
    topCommand(),
    jobsCommand(),
    jobCommand(),
    transcriptCommand(),
    cancelCommand(),
    retryCommand(),
    workersCommand(),
    queueCommand(),
    checkCommand(),
    dbCommand(),
    doctorCommand(),
    rebuildCommand(),
    importCommand(),
    awsCommand(),
    recommendCommand(),
    logsCommand(),
  ]) {
    program.addCommand(command);
  }
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
  const command = createProgram().commands.some((known) => known.name() === asked) ? `tmon ${asked}` : 'tmon';
  const hint = suggestion?.replace(/^\(|\)$/g, '') ?? `\`${command} --help\` says what it takes.`;
  return reportError(Object.assign(new Error(message), { kind: 'invalid', hint, code: 'bad_usage' }), json);
}

endQuietlyWhenNobodyReads();
const json = process.argv.includes('--json');
try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? reportUsage(error, json) : reportError(error, json);
}

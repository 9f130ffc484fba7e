/** What `tmon worker` is started with, which `tmon worker doctor` takes too; and the engines, for the help of both. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EngineLimits } from '../agent/engines/engine.ts';
import { ENGINE_CHOICES, ENGINE_OPTIONS, enginesOf } from '../agent/engines/engine-options.ts';
import { JOB_TIMEOUT_HINT, readJobTimeout, readStallTimeout, STALL_TIMEOUT_HINT } from '../agent/engines/limits.ts';
import { machineId } from '../agent/machine-id.ts';
import { ON_SUSPECT, type OnSuspect } from '../agent/quality/on-suspect.ts';
import { amount, type ClientOptions, collect, wholeNumber } from './options.ts';

export type WorkerCommandOptions = ClientOptions & {
  engine: string;
  id?: string;
  maxJobs: number;
  onSuspect: OnSuspect;
  workDir?: string;
  instanceId: string;
  region?: string;
  availabilityZone?: string;
  instanceType?: string;
  hourlyPrice?: number;
  transport: 'http' | 'websocket';
  supervised?: boolean;
  allowHttp?: boolean;
  stallTimeout?: NonNullable<EngineLimits['stall_ms']>;
  jobTimeout?: NonNullable<EngineLimits['job']>;
  defaults: string;
  tag?: string[];
};

export function withWorkerOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--engine <engine>',
        "auto, whisper.cpp, faster-whisper, openai-whisper, pocketsphinx, openai:URL or 'exec:COMMAND {input} {output}'",
      )
        .env('TMON_ENGINE')
        .default('auto'),
    )
    .addOption(new Option('--id <id>', 'its id (default: a new one)').env('TMON_WORKER_ID'))
    .addOption(
      new Option('--max-jobs <count>', 'maximum number of concurrent jobs')
        .env('TMON_MAX_JOBS')
        .default(1)
        .argParser(wholeNumber),
    )
    .addOption(
      new Option(
        '--on-suspect <what>',
        'if a transcript can hardly be what was said (text over silence, a loop, an early end): retry once with other options of the engine and keep the better one, or keep it',
      )
        .choices(ON_SUSPECT)
        .env('TMON_ON_SUSPECT')
        .default('retry'),
    )
    .addOption(
      new Option('--work-dir <path>', "for temporary audio files (default: in the system's temporary directory)").env(
        'TMON_WORK_DIR',
      ),
    )
    .addOption(
      new Option('--instance-id <id>', 'id of the machine (default: the EC2 instance, or the host name)')
        .env('TMON_INSTANCE_ID')
        .default(machineId()),
    )
    .addOption(new Option('--region <region>').env('TMON_REGION'))
    .addOption(new Option('--availability-zone <zone>').env('TMON_AVAILABILITY_ZONE'))
    .addOption(
      new Option('--instance-type <type>', 'type of the machine, for example g4dn.xlarge').env('TMON_INSTANCE_TYPE'),
    )
    .addOption(
      new Option('--hourly-price <usd>', 'price of the machine per hour').env('TMON_HOURLY_PRICE').argParser(amount),
    )
    .addOption(
      new Option('--transport <way>', 'one request per report, or all over one WebSocket')
        .choices(['http', 'websocket'])
        .env('TMON_TRANSPORT')
        .default('http'),
    )
    .addOption(
      new Option('--allow-http', 'fetch recordings at http:// too: for recorders in a trusted network without TLS').env(
        'TMON_ALLOW_HTTP',
      ),
    )
    .addOption(
      new Option(
        '--stall-timeout <time>',
        'kill an engine without progress for so long: 5m, or off (default: by its pace, at least 2 minutes)',
      )
        .env('TMON_STALL_TIMEOUT')
        .argParser(stallTimeout),
    )
    .addOption(
      new Option('--job-timeout <time>', 'kill an engine that takes longer for a job: 2h, or 10x the recording')
        .env('TMON_JOB_TIMEOUT')
        .argParser(jobTimeout),
    )
    .addOption(
      new Option('--defaults <options>', 'of jobs that do not say: language=de&word_timestamps=true')
        .env('TMON_DEFAULTS')
        .default(''),
    )
    .option('--tag <tag>', 'what jobs may require of it: eu; repeatable', collect)
    .option('--supervised', 'run by a supervisor: exit with code 75 to be restarted');
}

/** Of `--engine`: every engine and its options. */
export function enginesHelp(): string {
  const engines = Object.values(ENGINE_CHOICES).map(([choice, what]) => `  ${choice}\n      ${what}`);
  const options = ENGINE_OPTIONS.map(
    (option) => `  ${option.name}=\n      ${option.meaning}\n      (${enginesOf(option)}; default: ${option.default})`,
  );
  return `
Engines (auto: the first of whisper.cpp, faster-whisper, openai-whisper, pocketsphinx that works):
${engines.join('\n')}

Options of an engine, after ? and between &:
${options.join('\n')}`;
}

function stallTimeout(value: string): NonNullable<EngineLimits['stall_ms']> {
  const limit = readStallTimeout(value);
  if (limit == null) throw new InvalidArgumentError(`Must be ${STALL_TIMEOUT_HINT}.`);
  return limit;
}

function jobTimeout(value: string): NonNullable<EngineLimits['job']> {
  const limit = readJobTimeout(value);
  if (limit == null) throw new InvalidArgumentError(`Must be ${JOB_TIMEOUT_HINT}.`);
  return limit;
}

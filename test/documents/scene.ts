/**
 * What the commands of the pages find when they run: a folder of their own, `tmon` and `npx` on the path, a monitor, AWS
 * on moto and versitygw, a receiver of messages and pings. Only what belongs to a reader is replaced in a command: addresses,
 * folders and ids.
 */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { type Cleaning, startTestMonitor, type TestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { journaldAbsent, startJournald } from '../servers/journald.ts';
import { startMoto } from '../servers/moto.ts';
import { gatewayAbsent, gatewayCredentials, startGateway } from '../servers/s3-gateway.ts';
import { serveHttp } from '../servers/serve-http.ts';
import { awsCliEnvironment } from '../setup/aws-cli.ts';
import { ROOT } from './blocks.ts';

const NODE = dirname(process.execPath);

export class Scene {
  readonly folder: string;
  readonly environment: Record<string, string>;
  /** Requests to the world outside: messages and pings. */
  readonly sent: string[] = [];
  monitor: TestMonitor | null = null;
  /** What is printed, and what stands for it here; the newest first. */
  #replacements: [printed: string, here: string][] = [];
  /** Exit codes other than 0 of commands that begin so. */
  readonly #exits: [command: string, code: number][] = [];
  readonly #absent: [program: string, why: string][] = [];

  constructor(folder: string) {
    this.folder = folder;
    const programs = join(folder, 'bin');
    mkdirSync(programs);
    // As docs/scheduling.md says how it gets there.
    symlinkSync(join(ROOT, 'bin/tmon.mjs'), join(programs, 'tmon'));
    this.program('npx', 'exec "$@"');
    writeFileSync(join(folder, '.curlrc'), 'fail-with-body\nsilent\nshow-error\n');
    this.environment = {
      PATH: [programs, NODE, process.env.PATH].join(delimiter),
      HOME: folder,
      TMPDIR: process.env.TMPDIR ?? '/tmp',
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      NO_COLOR: '1',
      NODE_COMPILE_CACHE: join(ROOT, '.cache/compiled'),
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
      // Nothing of a test reaches the world outside.
      HTTPS_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: '127.0.0.1,localhost',
      // Any free port: a reader's own monitor may listen on 8080.
      TMON_LISTEN: '127.0.0.1:0',
      TMON_LOG_LEVEL: 'warn',
      TMON_FLEET: 'none:',
    };
    for (const place of ['/var/log', '/var/lib', '/srv', '/usr/local/bin', '/opt/transcription-monitor/bin']) {
      this.replace(place, join(folder, place));
      mkdirSync(join(folder, place), { recursive: true });
    }
    symlinkSync(join(ROOT, 'bin/tmon.mjs'), join(folder, '/usr/local/bin/tmon'));
    symlinkSync(join(ROOT, 'bin/tmon.mjs'), join(folder, '/opt/transcription-monitor/bin/tmon.mjs'));
  }

  replace(printed: string, here: string): void {
    this.#replacements.unshift([printed, here]);
  }

  exits(command: string, code: number): void {
    this.#exits.push([command, code]);
  }

  /** A program on the path, of one line for a shell. */
  program(name: string, line: string): void {
    const path = join(this.folder, 'bin', name);
    writeFileSync(path, `#!/bin/sh\n${line}\n`);
    chmodSync(path, 0o755);
  }

  /** This program is not there: commands with it are skipped. */
  lacks(program: string, why: string): void {
    this.#absent.push([program, why]);
  }

  /** Why a command cannot run here; null if it can. */
  whyAbsent(command: string): string | null {
    return this.#absent.find(([program]) => command.includes(program))?.[1] ?? null;
  }

  write(path: string, text: string | Buffer): void {
    const here = join(this.folder, path);
    mkdirSync(join(here, '..'), { recursive: true });
    writeFileSync(here, text);
  }

  here(text: string): string {
    const marks: string[] = [];
    let marked = text;
    for (const [printed, here] of this.#replacements) {
      marked = marked.replaceAll(printed, () => `\u0000${marks.push(here) - 1}\u0000`);
    }
    return marked.replace(/\0(\d+)\0/g, (_, index: string) => marks[Number(index)]!);
  }

  exitOf(command: string): number {
    return this.#exits.find(([begins]) => command.startsWith(begins))?.[1] ?? 0;
  }
}

export async function openScene(t: Cleaning): Promise<Scene> {
  const scene = new Scene(temporaryDirectory(t));
  const outside = await serveHttp((request, response) => {
    scene.sent.push(`${request.method} ${request.url}`);
    response.end('ok');
  });
  t.after(() => outside.stop());
  scene.replace('https://hc-ping.com', `${outside.endpoint}/ping`);
  scene.replace('https://hooks.slack.com', `${outside.endpoint}/hooks`);
  return scene;
}

/** A monitor at the address of the pages. */
export async function withMonitor(
  t: Cleaning,
  scene: Scene,
  settings: Record<string, string> = {},
): Promise<TestMonitor> {
  const monitor = await startTestMonitor(t, settings);
  const { host } = new URL(monitor.url);
  for (const printed of ['127.0.0.1:8080', 'localhost:8080', '10.0.0.5:8080', 'monitor:8080', 'HOST:PORT']) {
    scene.replace(printed, host);
  }
  scene.environment.TMON_SERVER = monitor.url;
  scene.monitor = monitor;
  return monitor;
}

/** AWS, with the AWS CLI. S3 is versitygw, where it is built: only it keeps what a journal needs. */
export async function withAws(t: Cleaning, scene: Scene): Promise<void> {
  const [moto, gateway, { bin }] = await Promise.all([
    startMoto(),
    gatewayAbsent() === undefined ? startGateway() : null,
    ensurePythonEnvironment(awsCliEnvironment),
  ]);
  t.after(() => moto.stop());
  if (gateway !== null) t.after(() => gateway.stop());
  // The variables alone are not enough: version 1 has an endpoint of its own for SQS.
  scene.program('aws', `exec ${join(bin, 'aws')} --endpoint-url ${moto.endpoint} "$@"`);
  Object.assign(scene.environment, {
    AWS_ENDPOINT_URL: moto.endpoint,
    ...(gateway === null ? {} : { AWS_ENDPOINT_URL_S3: gateway.endpoint }),
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: gatewayCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: gatewayCredentials.secretAccessKey,
  });
  const s3 = new S3Client({
    endpoint: (gateway ?? moto).endpoint,
    region: 'us-east-1',
    credentials: gatewayCredentials,
    forcePathStyle: true,
  });
  for (const Bucket of ['my-bucket', 'status-bucket']) await s3.send(new CreateBucketCommand({ Bucket }));
  s3.destroy();
}

/** A journal with a job of each of these units. Without journald, commands that read it are skipped. */
export async function withJournal(t: Cleaning, scene: Scene, units: readonly string[]): Promise<void> {
  const absent = journaldAbsent();
  if (absent !== undefined) return scene.lacks('journalctl', absent);
  const journald = await startJournald(t);
  for (const unit of units) {
    // A field that only root may set: the unit that a message is about.
    const fields = `SYSLOG_IDENTIFIER=${unit}\\nOBJECT_SYSTEMD_UNIT=${unit}.service`;
    const line = (text: string) => `printf 'MESSAGE=${text}\\n${fields}\\n' | logger --journald\n`;
    const start = 'JOB_START job_id=job-1 worker_id=worker-1';
    await journald.run(`${line(start)}${line('JOB_PROGRESS job_id=job-1 percentage=45')}journalctl --sync`);
  }
  scene.program('journalctl', `exec ${journald.inside} /usr/bin/journalctl "$@"`);
}

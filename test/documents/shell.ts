/** Runs a command of a page to its end, or, if it goes on until it is stopped, until it works. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { systemClock } from '../../server/clock.ts';
import type { Scene } from './scene.ts';

export type Ended = { code: number; stdout: string; stderr: string };
export type ShellOptions = { works?: RegExp | undefined; shell?: string; environment?: Record<string, string> };

const COMMAND_MAX_MS = 60_000;

/** Commands that ask on a terminal. */
const ASKS = /\btmon recommend *(?:#|$)/;

/** Commands that go on until they are stopped, and what they print once they work. */
const ENDLESS: [command: RegExp, works: RegExp][] = [
  [/\btmon serve\b/, /listening on/],
  [/\btmon(\.mjs)? worker\b/, / ready worker_id=/],
  [/\btmon top\b/, /\S/],
  [/\btmon logs watch\b/, / PROCESSING /],
  [/ --every /, /^(WELL|WRONG|UNKNOWN)/m],
  [/\bcurl -N\b/, /^data: /m],
  [ASKS, /Do you need/],
];

/** Of a command that does not end by itself; undefined for the others. */
export const worksWhen = (text: string): RegExp | undefined => ENDLESS.find(([command]) => command.test(text))?.[1];

/** `works`: it is stopped, as by Ctrl-C, once its output matches. `shell`: with `-c`. */
export async function inShell(
  scene: Scene,
  text: string,
  { works, shell = 'bash', environment = {} }: ShellOptions = {},
): Promise<Ended> {
  const command = ASKS.test(text) ? ['script', '-qec', text, '/dev/null'] : [shell, '-c', text];
  const child = spawn(command[0]!, command.slice(1), {
    cwd: scene.folder,
    env: { ...scene.environment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-child.pid!, name);
    } catch {
      // All of its processes have ended.
    }
  };
  const kill = () => signal('SIGKILL');
  process.once('exit', kill);
  const cancel = systemClock.after(COMMAND_MAX_MS, kill);
  let [stdout, stderr] = ['', ''];
  let stopping = false;
  const look = () => {
    if (works === undefined || stopping || !works.test(stdout + stderr)) return;
    stopping = true;
    signal('SIGINT');
  };
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes;
    look();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes;
    look();
  });
  const [code, by] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  cancel();
  kill();
  process.off('exit', kill);
  return { code: code ?? (by === null ? 0 : 128), stdout, stderr };
}

/** Throws with its output unless it succeeds. */
export async function runToEnd(
  scene: Scene,
  [program = '', ...args]: string[],
  environment: object = {},
): Promise<string> {
  const child = spawn(program, args, {
    cwd: scene.folder,
    env: { ...scene.environment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, said);
  return said;
}

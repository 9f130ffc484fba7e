/**
 * Runs the blocks of pages, one after the other, as a reader who goes through them would. Each language has one way; what has
 * none is output, a picture or a format, and is not run.
 */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { pythonSdkEnvironment } from '../setup/python-sdk.ts';
import { type Block, blocksOf, type Command, commandsOf, notRun, ROOT } from './blocks.ts';
import type { Scene } from './scene.ts';
import { inShell, runToEnd, worksWhen } from './shell.ts';
import { checkUnit, checkYaml, runCrontab, runNagios } from './units.ts';

/** `before`: names that a page has from its reader, and what a command needs that happens by itself in a reader's life. */
export type PageRun = {
  page: string;
  python?: string;
  js?: string;
  before?: [command: string, prepare: () => Promise<unknown>][];
};

type Runner = (block: Block, scene: Scene, page: PageRun, t: TestContext) => Promise<void>;

export const RUNNERS: Record<string, Runner> = {
  sh: runCommands,
  '': runCommands,
  python: async ({ text }, scene, { python: before = '' }) => {
    const { python } = await ensurePythonEnvironment(await pythonSdkEnvironment());
    const program = scene.here(`${before}\n${text}`);
    const environment = { PYTHONPATH: join(ROOT, 'sdk/python/src'), PYTHONDONTWRITEBYTECODE: '1' };
    await runToEnd(scene, [python, '-c', program], environment);
  },
  js: ({ text }, scene, { js: before = '' }) => runNode(scene, scene.here(`${before}\n${text}`), 'mjs'),
  ts: ({ text }, scene, { js: before = '' }) => runNode(scene, scene.here(`${before}\n${text}`), 'ts'),
  json: async ({ text }) => {
    for (const line of text.split('\n')) JSON.parse(line);
  },
  yaml: checkYaml,
  ini: checkUnit,
  cron: runCrontab,
  nagios: runNagios,
};

export async function runPage(t: TestContext, scene: Scene, page: PageRun): Promise<void> {
  for (const block of blocksOf(page.page)) {
    const run = RUNNERS[block.language];
    if (run === undefined || notRun(block) !== null) continue;
    if (run === runCommands && commandsOf(block).length === 0) continue;
    await t.test(`${block.page}:${block.line}`, async (t) => run(block, scene, page, t));
  }
}

async function runCommands(block: Block, scene: Scene, { before = [] }: PageRun, t: TestContext): Promise<void> {
  let code = 0;
  for (const command of commandsOf(block)) {
    if (command.not_run !== null) continue;
    const absent = scene.whyAbsent(command.text);
    if (absent !== null) {
      t.diagnostic(`${command.where} is skipped: ${absent}`);
      continue;
    }
    for (const [begins, prepare] of before) if (command.text.startsWith(begins)) await prepare();
    code = await runCommand(command, scene, code);
  }
}

/** `last`: the exit code of the command before. Returns that of this one. */
async function runCommand({ text, where, output }: Command, scene: Scene, last: number): Promise<number> {
  const works = worksWhen(text);
  const ended = await inShell(scene, `(exit ${last})\n${scene.here(text)}`, { works });
  const said = `${where}: ${text}\n${scene.here(text)}\nexit code ${ended.code}\n${ended.stdout}${ended.stderr}`;
  if (works !== undefined) assert.match(ended.stdout + ended.stderr, works, said);
  else assert.equal(ended.code, scene.exitOf(text), said);
  if (output !== null && output.trim() !== '') assert.equal(shapeOf(ended.stdout), shapeOf(output), said);
  learnIds(scene, ended.stdout);
  return ended.code;
}

/** Ids that the pages print in part are those of the last response. */
function learnIds(scene: Scene, stdout: string): void {
  for (const [id = '', kind] of stdout.matchAll(/\b(job|upload)-01[0-9A-Z]{24}\b/g)) {
    scene.replace(`${kind}-01…`, id);
  }
}

/** Without what differs from one run to the next: numbers, times and folders. */
export function shapeOf(output: string): string {
  return output
    .trim()
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/log:\S*\//g, 'log:')
    .replace(/\b(?:\d+(?:\.\d+)?(?:[dhms]|%|\b)[ ]?)+/g, 'N ')
    .replace(/ +/g, ' ');
}

/** With the SDK where npm would put it. */
async function runNode(scene: Scene, program: string, extension: 'mjs' | 'ts'): Promise<void> {
  const packages = join(scene.folder, 'node_modules/@transcription-monitor');
  mkdirSync(packages, { recursive: true });
  try {
    symlinkSync(join(ROOT, 'sdk/typescript'), join(packages, 'sdk'));
  } catch {
    // It is there from the last block.
  }
  const file = join(scene.folder, `program.${extension}`);
  writeFileSync(file, program);
  await runToEnd(scene, [process.execPath, '--disable-warning=ExperimentalWarning', file]);
}

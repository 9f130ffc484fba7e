/** The files of other systems that pages print: crontabs, units of systemd, Nagios commands, YAML. Checked, and their commands run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { manifestsEnvironment } from '../setup/manifests.ts';
import type { Block } from './blocks.ts';
import type { Scene } from './scene.ts';
import { inShell, runToEnd, worksWhen } from './shell.ts';

/** As cron runs it: by `sh`, with a short path unless the table sets another. */
export async function runCrontab({ text }: Block, scene: Scene): Promise<void> {
  const environment: Record<string, string> = { PATH: '/usr/bin:/bin' };
  for (const line of scene.here(text).split('\n')) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      environment[name] = value!;
      continue;
    }
    const [, command = ''] = /^(?:[\d*/,-]+ +){5}(.+)$/.exec(line) ?? [];
    assert.notEqual(command, '', `no line of a crontab: ${line}`);
    assert.doesNotMatch(command, /(?<!\\)%/, 'a % ends the command');
    await runOne(scene, command, { shell: 'sh', environment });
  }
}

export async function runNagios({ text }: Block, scene: Scene): Promise<void> {
  assert.match(text, /^define command \{\n {2}command_name {2}\w+\n {2}command_line {2}.+\n\}$/);
  const [, line = ''] = /command_line +(.+)/.exec(text)!;
  const command = line.replaceAll('$ARG1$', 's3://status-bucket').replaceAll('$HOSTNAME$', 'host');
  assert.doesNotMatch(command, /\$/, 'an unknown macro');
  await runOne(scene, scene.here(command), {});
}

/**
 * systemd's own opinion, where it is installed; then what it starts, by a shell. No test starts a systemd of its own, even in namespaces: it would
 * start the machine's units with it, which empty /tmp.
 */
export async function checkUnit({ text }: Block, scene: Scene): Promise<void> {
  const folder = join(scene.folder, 'units');
  mkdirSync(folder, { recursive: true });
  const isTimer = text.includes('[Timer]');
  const here = scene.here(text);
  const path = join(folder, isTimer ? 'tmon-check.timer' : 'tmon-check.service');
  writeFileSync(path, `${here}\n`);
  // Quiet if all is well; without `--man=no` it would look for manual pages.
  if (existsSync('/usr/bin/systemd-analyze')) {
    const { stderr } = await promisify(execFile)('systemd-analyze', [
      'verify',
      '--man=no',
      '--recursive-errors=no',
      path,
    ]);
    assert.equal(stderr, '');
  }
  const [, command] = /^ExecStart=(.+)$/m.exec(here) ?? [];
  assert.ok(isTimer || command !== undefined, 'a service without ExecStart');
  if (command === undefined) return;
  const [, state] = /^StateDirectory=(.+)$/m.exec(text) ?? [];
  if (state !== undefined) mkdirSync(join(scene.folder, '/var/lib', state), { recursive: true });
  const successes = (/^SuccessExitStatus=(.+)$/m.exec(text)?.[1] ?? '').split(' ').filter(Boolean).map(Number);
  await runOne(scene, command.replaceAll('%S', join(scene.folder, '/var/lib')), { successes });
}

type RunOptions = { shell?: string; environment?: Record<string, string>; successes?: number[] };

/** It succeeds, or exits as the scene says. */
async function runOne(scene: Scene, command: string, { successes = [], ...options }: RunOptions): Promise<void> {
  const works = worksWhen(command);
  const { code, stdout, stderr } = await inShell(scene, command, { works, ...options });
  const said = `${command}\nexit code ${code}\n${stdout}${stderr}`;
  if (works !== undefined) return assert.match(stdout + stderr, works, said);
  assert.ok(code === scene.exitOf(command) || successes.includes(code), said);
}

/** By the schema of the system that it is for. */
export async function checkYaml({ text }: Block, scene: Scene): Promise<void> {
  const { bin, python } = await ensurePythonEnvironment(manifestsEnvironment);
  const path = join(scene.folder, 'printed.yaml');
  writeFileSync(path, `${text}\n`);
  const document = await jsonOf(python, path);
  if ('apiVersion' in document) {
    await promisify(execFile)(join(bin, 'kubernetes-validate'), ['--strict', path]);
    const { command, args = [] } = containerOf(document);
    await runOne(scene, scene.here([...(command ?? []), ...args].join(' ')), {});
  } else if ('jobs' in document) {
    const arguments_ = ['--builtin-schema', 'vendor.github-workflows', path];
    await promisify(execFile)(join(bin, 'check-jsonschema'), arguments_);
    for (const [, command = ''] of text.matchAll(/- run: (.*\btmon .*)/g)) await runOne(scene, scene.here(command), {});
  } else await checkRules(document, scene);
}

// biome-ignore lint/suspicious/noExplicitAny: any YAML
type Yaml = any;

async function jsonOf(python: string, path: string): Promise<Yaml> {
  // GitHub reads the key `on` as a text.
  const program = 'import json, sys, yaml; print(json.dumps(yaml.load(open(sys.argv[1]), yaml.BaseLoader)))';
  const { stdout } = await promisify(execFile)(python, ['-c', program, path]);
  return JSON.parse(stdout);
}

const containerOf = (job: Yaml): Yaml => job.spec.jobTemplate.spec.template.spec.containers[0];

/** Rules of Prometheus. Its own `promtool` is in no registry: what is checked is that each metric and label is printed by tmon. */
async function checkRules(document: Yaml, scene: Scene): Promise<void> {
  const said = await runToEnd(scene, [
    'tmon',
    'check',
    `dir:${join(scene.folder, 'srv/status')}`,
    '--format',
    'prometheus',
  ]);
  const rules = document.groups.flatMap(({ rules }: Yaml) => rules);
  assert.ok(rules.length > 0);
  for (const { alert, expr } of rules) {
    assert.match(alert, /^\w+$/);
    for (const [, name, label] of expr.matchAll(/\b(tmon_\w+)(?:\{([^}]+)\})?/g)) {
      const printed = label === undefined ? `\n${name}` : `\n${name}{${label}}`;
      assert.ok(`\n${said}`.includes(printed), `${printed} is not printed:\n${said}`);
    }
  }
}

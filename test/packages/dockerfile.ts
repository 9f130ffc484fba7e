/**
 * Runs the steps of a Dockerfile without Docker: each stage is a folder that begins as a copy of its base image's, and RUN is a chroot
 * into it. As much of the language as our files use; anything else is refused. Needs root.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

export type Image = {
  root: string;
  environment: Record<string, string>;
  user: string;
  workdir: string;
  healthcheck: string[];
  entrypoint: string[];
  command: string[];
};

export type Build = {
  text: string;
  /** What COPY copies from. */
  context: string;
  /** Folder with the root of each base image. */
  bases: Record<string, string>;
  /** Where the stages are made. */
  folder: string;
  args?: Record<string, string>;
};

/** Of the host: how to get to the package registries. */
const NETWORK =
  /^(?:https?_proxy|no_proxy|PIP_CERT|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|npm_config_registry|PIP_INDEX_URL)$/i;
const CERTIFICATES = 'etc/ssl/certs/ca-certificates.crt';

export function build({ text, context, bases, folder, args = {} }: Build): Image {
  const global: Record<string, string> = {};
  const stages: Record<string, Image> = {};
  let stage: Image | null = null;
  let scope = global;
  for (const [instruction, rest] of instructionsOf(text)) {
    if (instruction === 'ARG') {
      const [name = '', fallback] = split(rest, '=');
      const value = args[name] ?? fallback ?? global[name];
      assert.ok(value !== undefined, `ARG ${name} has no value`);
      scope[name] = value;
      continue;
    }
    if (instruction === 'FROM') {
      const [from = '', name = `stage-${Object.keys(stages).length}`] = substituted(rest, global).split(/ AS /i);
      stage = begin(bases[from] ?? stages[from]?.root, from, join(folder, name));
      stages[name] = stage;
      scope = { ...global };
      continue;
    }
    assert.ok(stage, `${instruction} before FROM`);
    const value = instruction === 'RUN' ? rest : substituted(rest, { ...scope, ...stage.environment });
    const step = STEPS[instruction];
    assert.ok(step, `${instruction} is not known here`);
    step(stage, value, { context, stages, scope });
  }
  assert.ok(stage);
  return stage;
}

type Surroundings = { context: string; stages: Record<string, Image>; scope: Record<string, string> };

const STEPS: Record<string, (stage: Image, rest: string, around: Surroundings) => void> = {
  RUN: (stage, rest, { scope }) => {
    // Build arguments are variables of the shell; what they are not is for the shell, too.
    inRoot(stage, ['/bin/sh', '-c', rest], { ...scope });
  },
  COPY: ({ root, workdir }, rest, { context, stages }) => {
    const words = rest.split(/\s+/);
    const from = /^--from=(.+)$/.exec(words[0]!)?.[1];
    if (from !== undefined) words.shift();
    const target = words.pop()!;
    const sources = words.flatMap((word) => globSync(join(from === undefined ? context : stages[from]!.root, word)));
    assert.ok(sources.length > 0, `nothing to copy: ${rest}`);
    const there = join(root, resolve(workdir, target));
    mkdirSync(target.endsWith('/') ? there : join(there, '..'), { recursive: true });
    for (const source of sources)
      execFileSync('cp', ['-aT', source, target.endsWith('/') ? join(there, basename(source)) : there]);
  },
  ENV: ({ environment }, rest) => {
    for (const [, name, quoted, plain] of rest.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g))
      environment[name!] = quoted ?? plain!;
  },
  USER: (stage, rest) => {
    stage.user = rest;
  },
  WORKDIR: (stage, rest) => {
    stage.workdir = rest;
    mkdirSync(join(stage.root, rest), { recursive: true });
  },
  HEALTHCHECK: (stage, rest) => {
    stage.healthcheck = JSON.parse(rest.slice(rest.indexOf('['))) as string[];
  },
  ENTRYPOINT: (stage, rest) => {
    stage.entrypoint = JSON.parse(rest) as string[];
  },
  CMD: (stage, rest) => {
    stage.command = JSON.parse(rest) as string[];
  },
  VOLUME: ({ root }, rest) => void mkdirSync(join(root, rest), { recursive: true }),
  EXPOSE: () => undefined,
  STOPSIGNAL: (_, rest) => assert.equal(rest, 'SIGTERM'),
};

/** Runs a command as root in a stage, with /proc and /dev, and with the network of the host. */
export function inRoot(
  { root, environment, workdir }: Pick<Image, 'root' | 'environment' | 'workdir'>,
  command: readonly string[],
  more: Record<string, string> = {},
): void {
  // Those through which this machine reaches the registries; a package of the step before may have brought its own.
  mkdirSync(join(root, CERTIFICATES, '..'), { recursive: true });
  copyFileSync(`/${CERTIFICATES}`, join(root, CERTIFICATES));
  const network = Object.entries(process.env).filter(([name]) => NETWORK.test(name));
  const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const variables = {
    PATH,
    HOME: '/root',
    DEBIAN_FRONTEND: 'noninteractive',
    ...environment,
    ...more,
    ...Object.fromEntries(network),
  };
  const mounts = 'mount --make-rprivate / && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev"';
  const change = 'cd "$0" && exec chroot "$0" /bin/sh -c \'cd "$0" && exec "$@"\' "$@"';
  execFileSync('unshare', ['--mount', '/bin/sh', '-c', `${mounts} && ${change}`, root, workdir, ...command], {
    env: variables,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function begin(base: string | undefined, name: string, root: string): Image {
  assert.ok(base, `there is no ${name} here`);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, '..'), { recursive: true });
  execFileSync('cp', ['-a', '--reflink=auto', base, root]);
  // As a builder gives its containers.
  copyFileSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'));
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  return { root, environment: {}, user: '0:0', workdir: '/', healthcheck: [], entrypoint: [], command: [] };
}

function instructionsOf(text: string): [string, string][] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line) && line.trim() !== '');
  const joined = lines.join('\n').replace(/\\\n\s*/g, ' ');
  return joined.split('\n').map((line) => {
    const [instruction = '', rest = ''] = split(line, ' ');
    return [instruction.toUpperCase(), rest.trim()];
  });
}

const substituted = (text: string, values: Record<string, string>): string =>
  text.replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);

function split(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** The files of `docker compose`: against the schema of Compose, and what they name exists. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { SETTINGS } from '../../server/config.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { promtool, withoutPrometheus } from '../../test/servers/prometheus.ts';
import { manifestsEnvironment } from '../../test/setup/manifests.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

type Service = {
  image?: string;
  build?: { context?: string; dockerfile?: string };
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  depends_on?: Record<string, unknown>;
};
const { services, volumes } = parse(read('compose.yaml')) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};

test('the files fit the schema of Compose', async () => {
  const { bin } = await ensurePythonEnvironment(manifestsEnvironment);
  const files = ['compose.yaml', 'gpu.yaml'].map((name) => join(FOLDER, name));
  await promisify(execFile)(join(bin, 'check-jsonschema'), ['--builtin-schema', 'vendor.compose-spec', ...files]);
});

test('every file, volume and service that is named exists', () => {
  for (const [name, { volumes: mounts = [], build, depends_on = {} }] of Object.entries(services)) {
    for (const mount of mounts) {
      const [source = ''] = mount.split(':');
      if (source.startsWith('.')) assert.ok(existsSync(join(FOLDER, source)), `${name}: ${source}`);
      else assert.ok(Object.hasOwn(volumes, source), `${name}: ${source}`);
    }
    if (build?.context && build.dockerfile)
      assert.ok(existsSync(join(FOLDER, build.context, build.dockerfile)), `${name}: ${build.dockerfile}`);
    for (const other of Object.keys(depends_on)) assert.ok(Object.hasOwn(services, other), `${name}: ${other}`);
  }
});

test('every variable is in env.example', () => {
  const used = ['compose.yaml', 'gpu.yaml'].flatMap((file) =>
    [...read(file).matchAll(/\$\{(\w+)/g)].map(([, name]) => name!),
  );
  const given = [...read('env.example').matchAll(/^(\w+)=/gm)].map(([, name]) => name!);
  assert.deepEqual([...new Set(used)].sort(), given.sort());
});

test('the settings of the monitor are settings, and no key is written into a file', () => {
  const { environment = {} } = services.monitor!;
  for (const [name, value] of Object.entries(environment)) {
    if (/KEY/.test(name)) assert.match(value, /^\$\{/);
    const [, setting] = /^TMON_(.+)$/.exec(name) ?? [];
    if (setting !== undefined) assert.ok(Object.hasOwn(SETTINGS, setting.toLowerCase()), name);
  }
});

test('only loopback ports are published, and our containers have a read-only root and no capability', () => {
  for (const { ports = [] } of Object.values(services)) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
  }
  for (const name of ['monitor', 'worker']) {
    const { read_only, cap_drop } = services[name]!;
    assert.deepEqual([read_only, cap_drop], [true, ['ALL']]);
  }
});

test('Prometheus accepts its configuration', { skip: withoutPrometheus }, async (t) => {
  const directory = temporaryDirectory(t);
  copyFileSync(join(FOLDER, 'prometheus.yaml'), join(directory, 'prometheus.yml'));
  copyFileSync(join(FOLDER, '../prometheus/rules.yaml'), join(directory, 'rules.yaml'));
  const { code, output } = await promtool(['check', 'config', 'prometheus.yml'], { directory });
  assert.equal(code, 0, output);
});

test('the data source of Grafana is the one that the dashboard asks for', () => {
  const [source] = (parse(read('grafana/datasources.yaml')) as { datasources: { type: string; url: string }[] })
    .datasources;
  assert.equal(source!.type, 'prometheus');
  assert.match(source!.url, /^http:\/\/prometheus:9090$/);
  assert.match(readFileSync(join(FOLDER, '../grafana/dashboard.json'), 'utf8'), /"type": "prometheus"/);
});

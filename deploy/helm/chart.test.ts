/**
 * The chart: Helm's own lint, what it renders with the usual values against the schemas of Kubernetes, and the rules that
 * docs/kubernetes.md promises. Helm is a Go module: `GOBIN=$PWD/.cache/go/bin go install helm.sh/helm/v3/cmd/helm@v3.22.0`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { Queue } from '../../protocol/queue.ts';
import { SETTINGS } from '../../server/config.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { manifestsEnvironment } from '../../test/setup/manifests.ts';

const run = promisify(execFile);
const CHART = fileURLToPath(new URL('transcription-monitor', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/go/bin', import.meta.url));
const HELM = [CACHE, ...(process.env.PATH ?? '').split(delimiter)]
  .map((folder) => join(folder, 'helm'))
  .find(existsSync);
const skip = HELM === undefined && 'helm is not installed';
const KUBERNETES = '1.33.0';
/** Those without a schema in Kubernetes: of KEDA and of the Prometheus Operator. */
const CUSTOM = ['ScaledObject', 'TriggerAuthentication', 'ServiceMonitor'];

const SECRETS = ['monitor.adminKeyHash.existingSecret=admin-key', 'workers.apiKey.existingSecret=worker-key'];
const EVERYTHING = [
  ...SECRETS,
  'monitor.storage=s3',
  'monitor.s3.url=s3://bucket/tmon',
  'monitor.s3.existingSecret=bucket',
  'ingress.enabled=true',
  'ingress.host=monitor.example.com',
  'ingress.tlsSecret=tls',
  'workers.autoscaling.enabled=true',
  'workers.autoscaling.apiKey.existingSecret=read-key',
  'workers.models.size=20Gi',
  'workers.resources.limits.nvidia\\.com/gpu=1',
  'serviceMonitor.enabled=true',
  'networkPolicy.apiFrom[0].namespaceSelector.matchLabels.name=ingress',
];

// biome-ignore lint/suspicious/noExplicitAny: manifests of every kind
type Manifest = any;

async function render(values: readonly string[]): Promise<Manifest[]> {
  const set = values.flatMap((value) => ['--set', value]);
  const { stdout } = await run(HELM!, ['template', 'fleet', CHART, '--kube-version', KUBERNETES, ...set]);
  return parseAllDocuments(stdout).flatMap((document) => document.toJS() ?? []);
}

const ofKind = (manifests: Manifest[], kind: string): Manifest[] => manifests.filter((one) => one.kind === kind);
const containersOf = (manifests: Manifest[]): Manifest[] =>
  manifests.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);

test('helm lint finds nothing', { skip }, async () => {
  const set = EVERYTHING.flatMap((value) => ['--set', value]);
  const { stdout } = await run(HELM!, ['lint', '--strict', CHART, '--kube-version', KUBERNETES, ...set]);
  assert.match(stdout, /0 chart\(s\) failed/);
});

test('what is rendered fits the schemas of Kubernetes, on a volume and on S3', { skip }, async (t) => {
  const { bin } = await ensurePythonEnvironment(manifestsEnvironment);
  const folder = temporaryDirectory(t);
  const manifests = [...(await render(SECRETS)), ...(await render(EVERYTHING))];
  assert.ok(manifests.length >= 20, `${manifests.length} manifests`);
  const known = manifests.filter(({ kind }) => !CUSTOM.includes(kind));
  const paths = known.map((manifest, at) => {
    const path = join(folder, `${at}-${manifest.kind}.json`);
    writeFileSync(path, JSON.stringify(manifest));
    return path;
  });
  await run(join(bin, 'kubernetes-validate'), ['--strict', '-k', '1.33', ...paths]);
});

test('on a volume there is one monitor, on S3 several, with a budget for disruptions', { skip }, async () => {
  const volume = await render([...SECRETS, 'monitor.replicas=3']);
  assert.equal(ofKind(volume, 'StatefulSet')[0].spec.replicas, 1);
  assert.equal(ofKind(volume, 'PodDisruptionBudget').length, 0);
  const s3 = await render([...EVERYTHING, 'monitor.replicas=3']);
  const [monitor] = ofKind(s3, 'Deployment').filter(({ metadata }) => metadata.name === 'fleet');
  assert.equal(monitor.spec.replicas, 3);
  assert.equal(ofKind(s3, 'PodDisruptionBudget')[0].spec.maxUnavailable, 1);
});

test('no container runs as root, writes to its root or gets a capability', { skip }, async () => {
  for (const manifests of [await render(SECRETS), await render(EVERYTHING)]) {
    const pods = manifests.flatMap(({ spec }) => spec?.template?.spec ?? []);
    assert.equal(pods.length, 2);
    for (const { securityContext, automountServiceAccountToken } of pods) {
      assert.equal(securityContext.runAsNonRoot, true);
      assert.equal(automountServiceAccountToken, false);
    }
    for (const { securityContext } of containersOf(manifests)) {
      const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } = securityContext;
      assert.deepEqual([readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities.drop], [true, false, ['ALL']]);
    }
  }
});

test('keys come from secrets, and without them nothing is rendered', { skip }, async () => {
  const manifests = await render(EVERYTHING);
  for (const { env } of containersOf(manifests)) {
    for (const { name, value, valueFrom } of env) {
      if (/KEY/.test(name)) assert.ok(value === undefined && valueFrom.secretKeyRef.name, name);
    }
  }
  const [{ spec }] = ofKind(manifests, 'TriggerAuthentication');
  assert.equal(spec.secretTargetRef[0].name, 'read-key');
  for (const missing of SECRETS) {
    await assert.rejects(
      render(SECRETS.filter((one) => one !== missing)),
      new RegExp(missing.split('=')[0]!.replaceAll('.', '\\.')),
    );
  }
});

test('every setting of the monitor is one', { skip }, async () => {
  for (const values of [SECRETS, EVERYTHING]) {
    const monitors = containersOf(await render(values)).filter(({ name }) => name === 'monitor');
    assert.equal(monitors.length, 1);
    for (const { name } of monitors[0].env) {
      if (name.startsWith('TMON_')) assert.ok(Object.hasOwn(SETTINGS, name.slice(5).toLowerCase()), name);
    }
  }
});

test('a worker has as long as a job takes, and the queue decides how many there are', { skip }, async () => {
  const manifests = await render(EVERYTHING);
  const [worker] = ofKind(manifests, 'Deployment').filter(({ metadata }) => metadata.name === 'fleet-worker');
  assert.equal(worker.spec.template.spec.terminationGracePeriodSeconds, 7200);
  assert.equal(worker.spec.replicas, undefined, 'KEDA sets it');
  assert.equal(containersOf([worker])[0].resources.limits['nvidia.com/gpu'], 1);
  const [{ spec }] = ofKind(manifests, 'ScaledObject');
  assert.equal(spec.scaleTargetRef.name, 'fleet-worker');
  assert.deepEqual(
    spec.triggers.map(({ metadata }: Manifest) => metadata.valueLocation),
    ['messages_visible', 'messages_inflight'],
  );
  for (const { metadata } of spec.triggers) {
    assert.match(metadata.url, /\/api\/v1\/queues\/main$/);
    assert.ok(Object.hasOwn(Queue.properties, metadata.valueLocation), metadata.valueLocation);
  }
});

test('a mistyped value is refused', { skip }, async () => {
  for (const wrong of ['monitor.storage=nfs', 'monitor.replica=2', 'workers.autoscaling.maxReplicas=0']) {
    await assert.rejects(render([...SECRETS, wrong]), /values don't meet the specifications/);
  }
});

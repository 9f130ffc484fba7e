/** Settings: their sources, the precedence of those, and the errors for invalid values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forStore, readSettings, SETTINGS, type SettingName, s3Headers, sourceUrls } from './config.ts';

const NAMES = Object.keys(SETTINGS) as SettingName[];

test('settings that are not set have their defaults', () => {
  const settings = readSettings({}, {});
  for (const name of NAMES) assert.equal(settings[name], SETTINGS[name].default, name);
});

test('the command line overrides the environment, which overrides the defaults; an empty value is not set', () => {
  const environment = { TMON_LISTEN: '127.0.0.1:9', TMON_LEASE_MS: '5000', TMON_STORE: '', TMON_SOFT_LINGER_MS: '7' };
  const settings = readSettings({ listen: '127.0.0.1:8' }, environment);
  assert.deepEqual(
    [settings.listen, settings.lease_ms, settings.store, settings.soft_linger_ms],
    ['127.0.0.1:8', 5000, 'dir:./data', 7],
  );
});

test('where each put has a price views wait longer, and what is given holds on any store', () => {
  const settings = readSettings({ view_sums_ms: 7 }, {});
  const [own, bucket] = [forStore(settings, { shared: false }), forStore(settings, { shared: true })];
  for (const name of ['view_transition_ms', 'view_worker_ms', 'view_progress_ms'] as const) {
    assert.ok(own[name] < bucket[name], name);
  }
  assert.deepEqual([own.view_sums_ms, bucket.view_sums_ms], [7, 7]);
});

test('a heartbeat does not wait so long that its lease or its worker could be given up', () => {
  const wait = (given: object) => forStore(readSettings(given, {}), { shared: true }).soft_linger_ms;
  for (const lease_ms of [300, 3_000, 60_000]) assert.ok(wait({ lease_ms }) <= lease_ms / 3, `${lease_ms}`);
  assert.ok(wait({ worker_degraded_ms: 600 }) <= 200);
  assert.equal(wait({ lease_ms: 300, soft_linger_ms: 5_000 }), 5_000, 'unless it is set');
});

test('every setting has an environment variable and a meaning', () => {
  for (const name of NAMES) {
    assert.match(name, /^[a-z][a-z0-9]*(_[a-z]+)*$/);
    assert.ok(SETTINGS[name].meaning.length > 10, name);
    if (name === 'log_level') continue;
    const settings = readSettings({}, { [`TMON_${name.toUpperCase()}`]: '86400000' });
    assert.equal(String(settings[name]), '86400000', name);
  }
});

test('an invalid number is refused with the meaning and default of the setting', () => {
  for (const value of ['many', '-1', '1.5', '1e3', ' ', '99999999999999999999', Number.NaN, -5]) {
    assert.throws(() => readSettings({ lease_ms: value }, {}), {
      kind: 'invalid',
      code: 'bad_setting',
      message: /lease_ms/,
      hint: /Default: 60000/,
    });
  }
});

test('a retention too short for the gap rule and an unknown log level are refused', () => {
  assert.throws(() => readSettings({ retention_ms: 599_999 }, {}), { code: 'bad_setting', message: /600000/ });
  assert.equal(readSettings({ retention_ms: 600_000 }, {}).retention_ms, 600_000);
  assert.throws(() => readSettings({ log_level: 'loud' }, {}), { code: 'bad_setting', hint: /trace, debug, info/ });
});

test('sources are separated by line breaks or spaces; a path may have spaces', () => {
  const urls = (source: string) => sourceUrls(readSettings({ source }, {}));
  assert.deepEqual(urls(''), []);
  assert.deepEqual(urls('log:/var/log/my worker.log\ndir:/tmp\n'), ['log:/var/log/my worker.log', 'dir:/tmp']);
  assert.deepEqual(urls('s3://bucket/prefix  sqs://queue'), ['s3://bucket/prefix', 'sqs://queue']);
  assert.deepEqual(urls('dir:/tmp dir:/tmp'), ['dir:/tmp'], 'each once');
});

test('settings for the headers of a bucket are validated', () => {
  const sse = { s3_sse: 'aws:kms', s3_sse_kms_key_id: 'key-1', s3_requester_pays: 'true' };
  assert.deepEqual(s3Headers(readSettings(sse, {})), { requester_pays: true, sse: 'aws:kms', sse_kms_key_id: 'key-1' });
  for (const bad of [{ s3_requester_pays: 'yes' }, { s3_sse: 'aes' }, { s3_sse_kms_key_id: 'key-1' }]) {
    assert.throws(() => s3Headers(readSettings(bad, {})), { kind: 'invalid', code: 'bad_setting' });
  }
});

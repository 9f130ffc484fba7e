/** The user data of workers: its scripts run here, against an instance metadata service that requires version 2. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { FULL_SYSTEM } from '../../test/aws/full-system.ts';
import { readTemplate } from '../../test/aws/template.ts';
import { fileIn, type Metadata, readIdentity } from '../../test/aws/user-data.ts';
import type { Cleaning } from '../../test/processes/tmon.ts';

const template = await readTemplate(FULL_SYSTEM);
const data = template.Resources.WorkerTemplate!.Properties.LaunchTemplateData;
const names: Record<string, string> = {
  Install: '# installed',
  MonitorUrl: 'https://monitor.example.com',
  'AWS::Region': 'eu-central-1',
  Engine: 'faster-whisper',
  WorkerLogs: 'logs',
};
const userData = (data.UserData['Fn::Base64']['Fn::Sub'][0] as string).replace(
  /\$\{(!?)([^}]+)\}/g,
  (_, literal, name) => (literal ? `\${${name}}` : names[name]!),
);
const written = (path: string): string => fileIn(userData, path);
const identity = (t: Cleaning, metadata: Metadata) => readIdentity(t, userData, metadata);

test('it is a valid script for bash', () => {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: userData, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(userData, /undefined/);
});

test('a launched worker takes its id and monitor from its tags, read with a token', async (t) => {
  const tags = {
    'tags/instance/tmon:worker_id': 'worker-7',
    'tags/instance/tmon:server': 'https://other.example.com',
  };
  assert.deepEqual(await identity(t, { 'instance-id': 'i-1', ...tags }), [
    'TMON_SERVER=https://other.example.com',
    'TMON_INSTANCE_ID=i-1',
    'TMON_WORKER_ID=worker-7',
  ]);
});

test('without tags a worker is identified by its instance, and reaches the monitor of the stack', async (t) => {
  assert.deepEqual(await identity(t, { 'instance-id': 'i-1' }), [
    'TMON_SERVER=https://monitor.example.com',
    'TMON_INSTANCE_ID=i-1',
    'TMON_WORKER_ID=worker-i-1',
  ]);
});

test('metadata is read with tokens only, and shows the tags', () => {
  assert.equal(data.MetadataOptions.HttpTokens, 'required');
  assert.equal(data.MetadataOptions.HttpPutResponseHopLimit, 2, 'containers reach it');
  assert.equal(data.MetadataOptions.InstanceMetadataTags, 'enabled');
});

test('the service starts the worker supervised, lets it finish its job, and stays down after a drain', () => {
  const unit = written('/etc/systemd/system/tmon-worker.service');
  for (const line of [
    'ExecStart=/opt/transcription-monitor/bin/tmon.mjs worker --supervised',
    'Environment=AWS_REGION=eu-central-1 TMON_ENGINE=faster-whisper',
    'EnvironmentFile=-/etc/tmon-worker.env',
    'KillMode=mixed',
    'Restart=on-failure',
    'RestartPreventExitStatus=5',
  ])
    assert.ok(unit.split('\n').includes(line), line);
});

test('logs go to the log group of the stack', () => {
  const { logs } = JSON.parse(written('/opt/aws/amazon-cloudwatch-agent/etc/tmon-worker.json'));
  assert.equal(logs.logs_collected.files.collect_list[0].log_group_name, 'logs');
});

/** `tmon alerts` against a real monitor, its file of rules and its store. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Cleaning, runTmon, startTestMonitor, temporaryDirectory } from '../test/processes/tmon.ts';
import { Caller } from '../test/servers/monitor.ts';
import { fail, hold } from '../test/servers/steps.ts';

const directory = temporaryDirectory({ after });
const store = `dir:${join(directory, 'data')}`;
const monitor = await startTestMonitor({ after }, { store });
const caller = new Caller(monitor.url);
const environment = { TMON_SERVER: monitor.url };
const tmon = (t: Cleaning, ...args: string[]) => runTmon(t, ['alerts', ...args], { environment });

await fail(caller, await hold(caller));
const alert = (await caller.until('/system/alerts', ({ items }) => items.length > 0)).items[0];

test('alerts lists what fires, and acknowledges, silences and resolves it', async (t) => {
  const { code, stdout, stderr } = await tmon(t);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^alert-\w+\tWARNING\tfiring\t\S+\tjobs_dead_lettered\tJobs have failed .*\t–\n$/);

  const silence = await tmon(
    t,
    'silence',
    '--alert',
    alert.id,
    '--until-resolved',
    '--by',
    'ada',
    '--comment',
    'known',
  );
  assert.match(
    silence.stdout,
    /^silence-\w+\talertname=jobs_dead_lettered queue=dlq\t\S+\tresolved: alert-\w+\tada\tknown\n$/,
  );
  const [id = ''] = silence.stdout.split('\t');
  assert.match((await tmon(t)).stdout, new RegExp(`\\tsilence ${id}\\n$`));
  assert.equal((await tmon(t, 'silences')).stdout, silence.stdout);
  assert.equal((await tmon(t, 'unsilence', id)).stdout, `${id} has ended\n`);
  const timed = await tmon(t, 'silence', 'worker=gpu-*', 'severity!=CRITICAL', '--for', '2h', '--json');
  const { matchers, starts_at, ends_at } = JSON.parse(timed.stdout);
  assert.equal(matchers.length, 2);
  assert.ok(Math.abs(Date.parse(ends_at) - Date.parse(starts_at) - 7_200_000) < 60_000);

  assert.match((await tmon(t, 'ack', alert.id, '--by', 'ada')).stdout, /acknowledged by ada: Jobs have failed/);
  assert.match((await tmon(t)).stdout, /\tacknowledged ada\n$/);
  assert.match((await tmon(t, 'resolve', alert.id, '--by', 'ada')).stdout, /resolved by ada/);
  assert.equal((await tmon(t)).stdout, '');
  assert.match((await tmon(t, 'list', '--status', 'resolved')).stdout, /resolved/);
});

test('the commands of docs/alerts.md do what the page says', async (t) => {
  const another = `dir:${join(temporaryDirectory(t), 'data')}`;
  const { url } = await startTestMonitor(t, { store: another });
  const other = new Caller(url);
  await fail(other, await hold(other));
  const [raised] = (await other.until('/system/alerts', ({ items }) => items.length > 0)).items;
  const page = readFileSync(new URL('../docs/alerts.md', import.meta.url), 'utf8');
  const block = /```sh\n(tmon alerts .*?)```/s.exec(page)![1]!;
  const commands = block
    .trim()
    .split('\n')
    .map((line) => line.replace(/ +#.*/, ''));
  assert.equal(commands.length, 11);
  writeFileSync(join(directory, 'alerts.yaml'), 'rules: []\n');
  let silence = '';
  for (const command of commands) {
    const words = command
      .replace('alerts.yaml', join(directory, 'alerts.yaml'))
      .match(/'[^']*'|\S+/g)!
      .slice(2);
    const given = words.map((word) => word.replaceAll("'", '').replace('ALERT', raised.id).replace('SILENCE', silence));
    const more = given[0] === 'test' ? ['--store', another] : [];
    const { code, stdout, stderr } = await runTmon(t, ['alerts', ...given, ...more], {
      environment: { TMON_SERVER: url },
    });
    assert.equal(code, 0, `${command}: ${stderr}`);
    if (given[0] === 'silence') silence = stdout.split('\t')[0]!;
  }
});

test('bad usage of silence is refused with what to type', async (t) => {
  for (const [args, message] of [
    [['worker=a'], /a silence requires one end/],
    [['worker=a', '--for', '2h', '--until-resolved'], /a silence requires one end/],
    [['--for', '2h'], /requires matchers or --alert/],
    [['worker', '--for', '2h'], /is not a matcher/],
  ] as const) {
    const { code, stderr } = await tmon(t, 'silence', ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, message);
  }
  const unknown = await tmon(t, 'silence', 'wrker=a', '--for', '2h');
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /there is no label wrker/);
});

test('rules lists the rules that apply', async (t) => {
  const { stdout } = await tmon(t, 'rules');
  assert.match(stdout, /^queue_slow\tWARNING\tqueue_age_seconds at_least 1800\t–\t–$/m);
});

test('check names every mistake by line and column, and its exit code is 1', async (t) => {
  const file = join(directory, 'rules.yaml');
  writeFileSync(file, 'rules:\n  - name: queue_slow\n    sevrity: INFO\n  - name: x\n    above: 3\n');
  const { code, stdout } = await tmon(t, 'check', file);
  assert.equal(code, 1);
  assert.equal(stdout, `${file}:3:5: unknown field "sevrity"; did you mean "severity"?\n`);
  writeFileSync(file, 'rules:\n  - name: queue_slow\n    severity: INFO\n');
  const fine = await tmon(t, 'check', file);
  assert.deepEqual([fine.code, fine.stderr], [0, '']);
  assert.match(fine.stdout, /: \d+ rules with the defaults, 2 inhibitions, 0 mute times\n$/);
  assert.equal((await tmon(t, 'check', join(directory, 'none.yaml'))).code, 4);
});

test('test replays the store beside its monitor', async (t) => {
  const { code, stdout, stderr } = await tmon(t, 'test', 'jobs_dead_lettered', '--since', '1h', '--store', store);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^jobs_dead_lettered\tdlq\t\S+\t\S+\tfires\tJobs have failed/);
  assert.equal(stdout.split('\t')[3], alert.fired_at);
  assert.match(stderr, /^1 alerts from /m);
  const none = await tmon(t, 'test', 'no_such_rule', '--store', store);
  assert.equal(none.code, 4);
  assert.match(none.stderr, /The rules are worker_lost, /);
});

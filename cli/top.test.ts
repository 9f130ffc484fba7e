/** `tmon top` as people and pipes use it: a real process, on a real terminal, against a real monitor. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Cleaning, startTestMonitor, startTmon } from '../test/processes/tmon.ts';

const { url, api } = await startTestMonitor({ after });
const environment = { TMON_SERVER: url };
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** As a person's shell has it: `CI`, too, would end colours. */
function withoutColourSettings(): NodeJS.ProcessEnv {
  const settings = ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'CI'];
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.includes(name)));
}

/** Runs it on a terminal, as Python's pty makes one. */
function onTerminal(t: Cleaning, environment: Record<string, string>) {
  const program = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  const sized = ['sh', '-c', 'stty rows 40 cols 120; exec "$0" "$@"', process.execPath, MAIN, 'top'];
  const child = spawn('python3', ['-c', program, ...sized], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...withoutColourSettings(), TERM: 'xterm-256color', ...environment },
  });
  let shown = '';
  let look = () => {};
  child.stdout.on('data', (bytes: Buffer) => {
    shown += bytes;
    look();
  });
  const ended = once(child, 'close').then(([code]) => code as number);
  t.after(async () => {
    child.stdin.end('q');
    child.kill();
    await ended;
  });
  return {
    keys: (text: string) => child.stdin.write(text),
    ended,
    get shown() {
      return shown;
    },
    until: (pattern: RegExp) =>
      new Promise<void>((resolve) => {
        look = () => pattern.test(shown) && resolve();
        look();
      }),
  };
}

test('on a terminal it uses the full screen until q, then restores the terminal', async (t) => {
  await api.workers.register('worker-seen', { capabilities: {} });
  const screen = onTerminal(t, environment);
  await screen.until(/worker-seen/);
  const { id } = await api.jobs.submit({ audio_url: 's3://b/a.mp3' });
  await screen.until(new RegExp(`${id} +QUEUED`));
  await api.workers.claim('worker-seen', { max_jobs: 1, wait_seconds: 5 });
  await screen.until(new RegExp(`${id} .*PROCESSING`));
  assert.ok(screen.shown.startsWith('\u001b[?1049h'));
  assert.ok(screen.shown.includes('\u001b[36mPROCESSING'));
  screen.keys('q');
  assert.equal(await screen.ended, 0);
  assert.ok(screen.shown.endsWith('\u001b[?25h\u001b[?1049l'));
});

test('NO_COLOR is respected, and Ctrl-C ends it as q does', async (t) => {
  const screen = onTerminal(t, { ...environment, NO_COLOR: '1' });
  await screen.until(/0 done in the last hour/);
  screen.keys('\u0003');
  assert.equal(await screen.ended, 0);
  assert.ok(!screen.shown.includes('\u001b[36m') && !screen.shown.includes('\u001b[1m'));
});

test('in a pipe it prints one line per change, from one connection', async (t) => {
  const top = startTmon(t, ['top'], { environment });
  await top.line(/^queue \d+ waiting/);
  const { id } = await api.jobs.submit({ audio_url: 's3://b/b.mp3' });
  await top.line(new RegExp(`^job ${id} QUEUED$`));
  await api.jobs.cancel(id);
  await top.line(new RegExp(`^job ${id} CANCELLED$`));
});

test('--json prints the feed’s messages, one per line', async (t) => {
  const top = startTmon(t, ['top', '--json'], { environment });
  for (const resource of ['jobs', 'workers', 'queue', 'alerts', 'system']) {
    const [line] = await top.line(new RegExp(`^\\{"type":"state","resource":"${resource}".*$`));
    assert.equal(JSON.parse(line).resource, resource);
  }
});

test('an unreachable monitor is exit code 3, before the screen is switched', async (t) => {
  const { code, stdout, stderr } = await startTmon(t, ['top', '--server', '127.0.0.1:9']).ended;
  assert.deepEqual([code, stdout], [3, '']);
  assert.match(stderr, /hint: /);
});

test('watch without a name shows active jobs until they end', async (t) => {
  const { id } = await api.jobs.submit({ audio_url: 's3://b/watched.mp3' });
  const watch = startTmon(t, ['watch'], { environment });
  await watch.line(new RegExp(`^${id} QUEUED$`));
  const later = await api.jobs.submit({ audio_url: 's3://b/later.mp3' });
  await watch.line(new RegExp(`^${later.id} QUEUED$`));
  await api.jobs.cancel(id);
  await watch.line(new RegExp(`^${id} CANCELLED$`));
});

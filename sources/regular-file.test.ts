/** What is no regular file is refused at once, instead of being waited for. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { openSource } from './open-source.ts';

const { signal } = new AbortController();

async function whyUnread(url: string): Promise<string> {
  const source = await openSource(url);
  try {
    for await (const _ of source.read({ since_ms: 0, signal })) assert.fail(`${url} was read`);
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await source.close();
  }
}

test('a pipe, a socket, a device and a file of the kernel are refused as a log and as a database', async (t) => {
  const folder = temporaryDirectory(t);
  const [pipe, socket] = [join(folder, 'pipe'), join(folder, 'socket')];
  execFileSync('mkfifo', [pipe]);
  const server = createServer().listen(socket);
  await once(server, 'listening');
  t.after(() => server.close());
  const places = [
    [pipe, 'a pipe'],
    [socket, 'a socket'],
    ['/dev/zero', 'a device'],
    ['/proc/self/status', 'made by the kernel as it is read'],
  ] as const;
  for (const [path, what] of places.filter(([path]) => existsSync(path))) {
    assert.equal(await whyUnread(`log:${path}`), `log:${path}: it is ${what}`);
    assert.equal(await whyUnread(`sqlite:${path}`), `sqlite:${path}: it is ${what}`);
  }
});

test('the commands that read files refuse a pipe to which nobody writes, with what to do instead', async (t) => {
  const directory = temporaryDirectory(t);
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runTmon(t, args, { directory });
    return [code, `${stdout}${stderr}`] as const;
  };
  const [checked, report] = await run('check', 'log:pipe', '--state', 'state.json');
  assert.equal(checked, 3);
  assert.match(
    report,
    /UNREAD {2}log:\S+pipe: it is a pipe\n +hint: pass a file, or pipe lines in: … \| tmon logs watch/,
  );
  for (const args of [
    ['logs', 'jobs', 'pipe'],
    ['import', 'log:pipe', '--dry-run'],
  ]) {
    const [code, said] = await run(...args);
    assert.equal(code, 5, said);
    assert.match(said, /pipe: it is a pipe\nhint: pass a file/);
  }
  const [submitted, said] = await run('submit', 'pipe');
  assert.equal(submitted, 2);
  assert.match(said, /pipe is a pipe\nhint: Give a recording/);
});

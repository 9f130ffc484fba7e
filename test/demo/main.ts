/**
 * `npx node test/demo/main.ts`: `npm run demo` as a newcomer sees it, after the first set-up. Every recording becomes a transcript
 * with most words right, one worker is killed in the middle of a job, which is tried again, and nothing is left behind. Prints how
 * long it took.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wordErrorRate } from '../../agent/engines/testing.ts';

const MAIN = fileURLToPath(new URL('../../cli/demo/main.ts', import.meta.url));
const EXAMPLES = new URL('../../examples/audio/', import.meta.url);
const RECORDINGS = ['five-minutes.mp3', 'phone-call.mp3', 'broken-computer.wav', 'house-viewing.wav', 'lost-keys.wav'];
/** Of the words of a synthesised voice, with the smallest model. */
const WRONG_MAX = 0.2;

const store = mkdtempSync(join(tmpdir(), 'tmon-demo-'));
try {
  const began_ms = performance.now();
  const child = spawn(process.execPath, [MAIN, '--store', `dir:${store}`, '--listen', '127.0.0.1:0', '--exit'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  const [code] = await once(child, 'close');
  const seconds = (performance.now() - began_ms) / 1000;
  assert.equal(code, 0, said);
  assert.match(said, /^kill -9 +demo-worker-[12] \(pid \d+\), at \d+% of /m);
  const [, again] = /^(\S+) \(.*attempt 2/m.exec(said) ?? assert.fail(said);
  for (const name of RECORDINGS) {
    const at = said.lastIndexOf(`\n${name} (`);
    const text = said.slice(at).split('\n')[2] ?? '';
    const spoken = readFileSync(new URL(`${name.replace(/\.\w+$/, '')}.txt`, EXAMPLES), 'utf8');
    const wrong = wordErrorRate(spoken.replace(/^(left|right): /gm, ''), text);
    console.log(`${name}: ${(100 * wrong).toFixed(0)} % of the words are wrong`);
    assert.ok(wrong < WRONG_MAX, text);
  }
  for (const [, pid = ''] of said.matchAll(/its own process \(pid (\d+)\)/g)) {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' });
    assert.equal(stdout.replace(/^Z.*/s, ''), '', `worker ${pid} is left`);
  }
  console.log(`${again} was tried again; ${seconds.toFixed(0)} s in all`);
} finally {
  rmSync(store, { recursive: true, force: true });
}

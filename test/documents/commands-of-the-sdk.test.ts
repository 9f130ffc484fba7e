/** The programs of the page of the TypeScript client run as printed. */
import { test } from 'node:test';
import { startTmon } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';
import { runPage } from './runners.ts';
import { openScene, withMonitor } from './scene.ts';

const ENGINE = `exec:sh -c 'echo hello > "$2"' sh {input} {output}`;

/** What a page of a browser has. */
const BEFORE = `import { readFileSync } from 'node:fs';
const input = { files: [new File([readFileSync('call.wav')], 'call.wav')] };`;

test('the programs of the page of the TypeScript client run as printed', async (t) => {
  const scene = await openScene(t);
  const { url } = await withMonitor(t, scene);
  scene.write('call.wav', wav(1));
  await startTmon(t, ['worker', '--server', url, '--engine', ENGINE]).line(/ ready /);
  await runPage(t, scene, { page: 'sdk/typescript/README.md', js: BEFORE });
});

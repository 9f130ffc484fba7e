/** The commands of docs/analytics.md and of the Python client's page run as printed. */
import { join } from 'node:path';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { copyObjects, finishJobs, openAnalytics } from '../../server/analytics/testing-analytics.ts';
import { startTmon } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';
import { findRedis, startRedis } from '../servers/redis.ts';
import { blocksOf, ROOT } from './blocks.ts';
import { runPage } from './runners.ts';
import { openScene, withMonitor } from './scene.ts';

const ENGINE = `exec:sh -c 'echo hello > "$2"' sh {input} {output}`;

test('the commands of docs/analytics.md run as printed', async (t) => {
  const scene = await openScene(t);
  const store = join(scene.folder, 'data');
  await writeStore(store);
  await withMonitor(t, scene, { analytics_sql: 'on', store: `dir:${store}` });
  scene.program('duckdb', `exec node ${ROOT}test/documents/duckdb.ts "$@" < /dev/null`);
  scene.write('costs.sql', blocksOf('docs/analytics.md').find(({ language }) => language === 'sql')!.text);
  // A copy of the store, in the bucket of the page.
  scene.replace('s3://my-bucket/tmon --output', 'dir:./data --output');
  await runPage(t, scene, { page: 'docs/analytics.md' });
});

/** Of a monitor whose jobs have left its memory, into column files. */
async function writeStore(folder: string): Promise<void> {
  const analytics = await openAnalytics({ finished_window_ms: HOUR_MS });
  await finishJobs(analytics, 3);
  await analytics.clock.turn(DAY_MS);
  await analytics.archive();
  await analytics.clock.turn(2 * HOUR_MS);
  await analytics.write();
  await copyObjects(analytics.store, folder);
  await analytics.close();
}

/** What the page has from its reader. */
const BEFORE = `
from transcription_monitor import Reporter, StateAPI, TranscriptionAPI
api = TranscriptionAPI(base_url="http://127.0.0.1:8080")
job_id = api.jobs.submit(audio_url="s3://bucket/audio.mp3", idempotency_key="one").id
`;

test('the programs of the page of the Python client run as printed', async (t) => {
  if (findRedis() === undefined) return t.skip('redis-server is not there: `npm test` installs it as root');
  const redis = await startRedis(t);
  const scene = await openScene(t);
  scene.replace('redis://127.0.0.1:6379', redis.url);
  const { url, directory } = await withMonitor(t, scene, { cache: redis.url });
  scene.replace('bucket="my-bucket", prefix="tmon"', `store="dir:${directory}"`);
  scene.write('call.wav', wav(1));
  await startTmon(t, ['worker', '--server', url, '--engine', ENGINE]).line(/ ready /);
  await runPage(t, scene, { page: 'sdk/python/README.md', python: BEFORE });
});

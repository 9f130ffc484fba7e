/** The commands of README.md and of the pages about the monitor and its workers run as printed. */
import { test } from 'node:test';
import { startTmon } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';
import { runPage } from './runners.ts';
import { openScene, withAws, withJournal, withMonitor } from './scene.ts';

const ENGINE = `exec:sh -c 'echo hello > "$2"' sh {input} {output}`;

test('the commands of the pages about the monitor and its workers run as printed', async (t) => {
  const scene = await openScene(t);
  const { url, api } = await withMonitor(t, scene);
  await withAws(t, scene);
  await withJournal(t, scene, ['worker']);
  scene.write('call.wav', wav(1));
  scene.environment.TMON_ENGINE = ENGINE;
  await startTmon(t, ['worker', '--server', url, '--engine', ENGINE]).line(/ ready /);

  /** A job that has ended, and one that waits: a worker would be too fast. */
  const last = async () => (await api.jobs.list({}).page()).items[0]!.job_id;
  const ended = async () => {
    for await (const update of api.jobs.watch(await last())) void update;
  };
  const waiting = async () => {
    const { id } = await api.jobs.submit({ audio_url: 's3://bucket/audio.mp3' });
    scene.replace('job-01…', id);
    return id;
  };

  await runPage(t, scene, { page: 'README.md', python: 'job_id = "job-1"' });
  await runPage(t, scene, {
    page: 'docs/api.md',
    before: [
      ['curl localhost:8080/api/v1/jobs/job-01…/transcript', ended],
      ['curl -X DELETE', waiting],
    ],
  });
  await runPage(t, scene, {
    page: 'docs/feed.md',
    js: `const updateProgressBar = (percentage) => console.log(percentage), showStatus = () => process.exit(0);`,
    before: [['curl -N', waiting]],
  });
  await runPage(t, scene, { page: 'docs/workers.md' });
});

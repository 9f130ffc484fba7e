/** What the engines' tests share: a task in a temporary directory that goes away with the test. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { TranscribeTask } from './engine.ts';

/** One minute's task, batch size 4; the audio file is a few bytes unless a path is given. */
export async function temporaryTask(t: TestContext, audio_path?: string): Promise<TranscribeTask> {
  const work_directory = await mkdtemp(join(tmpdir(), 'tmon-engine-'));
  t.after(() => rm(work_directory, { recursive: true, force: true }));
  const own = join(work_directory, 'audio with a space.wav');
  if (audio_path === undefined) await writeFile(own, 'not really audio');
  return { audio_path: audio_path ?? own, duration_seconds: 60, work_directory, batch_size: 4 };
}

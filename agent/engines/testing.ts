/** Shared by the engines' tests: a task in a temporary directory, a Python without libraries, and how wrong a transcript is. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Engine, TranscribeTask } from './engine.ts';

/** A task of one minute, batch size 4; the audio file has a few bytes unless a path is given. */
export async function temporaryTask(t: TestContext, audio_path?: string): Promise<TranscribeTask> {
  const work_directory = await mkdtemp(join(tmpdir(), 'tmon-engine-'));
  t.after(() => rm(work_directory, { recursive: true, force: true }));
  const own = join(work_directory, 'audio with a space.wav');
  if (audio_path === undefined) await writeFile(own, 'not really audio');
  return { audio_path: audio_path ?? own, duration_seconds: 60, work_directory, batch_size: 4 };
}

/** The engine, which is closed when the test has ended. */
export function closedAfter(t: TestContext, engine: Engine): Engine {
  t.after(() => engine.close?.());
  return engine;
}

/** The path of a Python that sees only its standard library. */
export async function bareInterpreter(t: TestContext): Promise<string> {
  const { work_directory } = await temporaryTask(t);
  const path = join(work_directory, 'python');
  await writeFile(path, '#!/bin/sh\nexec python3 -S "$@"\n');
  await chmod(path, 0o755);
  return path;
}

/** Words inserted, deleted or replaced, divided by the words spoken. */
export function wordErrorRate(said: string, heard: string): number {
  const words = (text: string) => text.toLowerCase().match(/[a-z']+/g) ?? [];
  const reference = words(said);
  let row = words(`x ${heard}`).map((_, index) => index);
  for (const [index, word] of reference.entries()) {
    const next = [index + 1];
    for (const [column, other] of words(heard).entries()) {
      const replaced = (row[column] ?? 0) + (word === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return (row.at(-1) ?? 0) / reference.length;
}

/**
 * One recording fetched, converted and transcribed on a disk that becomes full at a random moment. Either the transcript
 * has its end, or the attempt fails so that another worker gets the job: `disk_full`, or `engine_crashed` if the engine
 * did not say why. The disk is a tmpfs of four megabytes, which only root can mount.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fetchAudio } from '../../agent/audio/fetch-audio.ts';
import { type Engine, EngineError } from '../../agent/engines/engine.ts';
import { createExec } from '../../agent/engines/exec.ts';
import { createFasterWhisper } from '../../agent/engines/faster-whisper.ts';
import { createWhisperCpp } from '../../agent/engines/whisper-cpp.ts';

const run = promisify(execFile);
const EXAMPLE = fileURLToPath(new URL('../../examples/audio/broken-computer.wav', import.meta.url));
const RECOGNISER = fileURLToPath(new URL('recogniser.cjs', import.meta.url));
const PYTHON_STAND_INS = fileURLToPath(new URL('../../agent/engines/testdata/python/', import.meta.url));
const DISK_BYTES = 4 * 1024 * 1024;
/** The last word of every complete transcript. */
const LAST_WORD = 'the-end';

export const TRIALS = ['whisper.cpp', 'exec, text', 'exec, JSON', 'faster-whisper'] as const;
export type TrialKind = (typeof TRIALS)[number];
/** `cut`: a transcript without its end, which must not happen. */
export type Outcome = 'complete' | 'disk_full' | 'engine_crashed' | 'cut';

/** What trials need, or why they can't run here. */
export async function whyNot(): Promise<string | null> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root can mount a tmpfs, on Linux';
  for (const program of ['ffmpeg', 'mount', 'python3']) {
    const found = await run('sh', ['-c', `command -v ${program}`]).catch(() => null);
    if (found === null) return `there is no ${program}`;
  }
  return null;
}

export class SmallDisk {
  readonly directory: string;
  readonly #recording: string;

  private constructor(directory: string, recording: string) {
    this.directory = directory;
    this.#recording = recording;
  }

  /** Throws if tmpfs can't be mounted, as in a container without that right. */
  static async mount(): Promise<SmallDisk> {
    const base = await mkdtemp(join(tmpdir(), 'tmon-disk-full-'));
    const recording = join(base, 'recording.opus');
    await run('ffmpeg', ['-v', 'error', '-i', EXAMPLE, '-c:a', 'libopus', '-b:a', '24k', recording]);
    const directory = join(base, 'disk');
    await mkdir(directory);
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmon-disk-full', directory]);
    return new SmallDisk(directory, recording);
  }

  async unmount(): Promise<void> {
    await run('umount', [this.directory]);
    await rm(join(this.directory, '..'), { recursive: true, force: true });
  }

  /** `free`: 0 to 1, of what the job takes. `returns`: room comes back once the engine has begun. */
  async try(kind: TrialKind, { free, returns }: { free: number; returns: boolean }): Promise<Outcome> {
    const filler = join(this.directory, 'filler');
    const job = join(this.directory, 'job');
    const work_directory = join(job, 'engine');
    await mkdir(work_directory, { recursive: true });
    let engine: Engine | undefined;
    try {
      engine = await engineOf(kind, { filler: returns ? filler : '' });
      const bytes = Math.max(0, (await freeOn(this.directory)) - Math.round(free * NEEDED_BYTES[kind]));
      await writeFile(filler, Buffer.alloc(bytes));
      const recording = await readFile(this.#recording);
      const signal = new AbortController().signal;
      const audio_url = 'upload://upload-1/recording.opus';
      const openUpload = async () => new Response(recording).body!;
      const { path } = await fetchAudio({ audio_url, path: join(job, 'audio.opus'), signal, openUpload });
      // The stand-in for faster-whisper reads only what it takes for a WAV.
      if (kind === 'faster-whisper') await writeFile(path, 'RIFF');
      const { text } = await engine.transcribe(
        { audio_path: path, duration_seconds: 16, work_directory, batch_size: 1 },
        { signal, onProgress: () => {} },
      );
      const complete =
        kind === 'faster-whisper' ? text === Array(3).fill('one by one').join(' ') : text.endsWith(LAST_WORD);
      return complete ? 'complete' : 'cut';
    } catch (error) {
      if (error instanceof EngineError && error.code === 'disk_full') return 'disk_full';
      if (error instanceof EngineError && error.code === 'engine_crashed') return 'engine_crashed';
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return 'disk_full';
      throw error;
    } finally {
      await engine?.close?.();
      await rm(job, { recursive: true, force: true });
      await rm(filler, { force: true });
    }
  }
}

/** A little more than recording, converted audio and output. */
const NEEDED_BYTES: Record<TrialKind, number> = {
  'whisper.cpp': 900_000,
  'exec, text': 450_000,
  'exec, JSON': 450_000,
  'faster-whisper': 150_000,
};

async function freeOn(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

async function engineOf(kind: TrialKind, { filler }: { filler: string }): Promise<Engine> {
  const command = (form: string) => `'${process.execPath}' '${RECOGNISER}' ${form} '${filler}'`;
  switch (kind) {
    case 'whisper.cpp': {
      const program = await script(`exec ${command('whisper')} "$@"`);
      return createWhisperCpp({ program, model: RECOGNISER });
    }
    case 'exec, text':
      return createExec({ command: `${command('text')} {input} {output}` });
    case 'exec, JSON':
      return createExec({ command: `${command('json')} {input} {output}` });
    case 'faster-whisper': {
      const remove = filler === '' ? '' : `rm -f '${filler}';`;
      const { stdout } = await run('python3', ['-c', 'import sys; print(sys.executable)']);
      const python = await script(
        `${remove} PYTHONPATH='${PYTHON_STAND_INS}' PYTHONDONTWRITEBYTECODE=1 exec '${stdout.trim()}' "$@"`,
      );
      return createFasterWhisper({ python });
    }
  }
}

const scripts = new Map<string, string>();

/** A program outside the small disk; one for each text. */
async function script(text: string): Promise<string> {
  const known = scripts.get(text);
  if (known !== undefined) return known;
  const path = join(await mkdtemp(join(tmpdir(), 'tmon-disk-full-program-')), 'program');
  await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  scripts.set(text, path);
  return path;
}

/** Removes what the trials left beside the disk. */
export async function removeScripts(): Promise<void> {
  for (const path of scripts.values()) await rm(join(path, '..'), { recursive: true, force: true });
  scripts.clear();
}

/** GPU, ffmpeg and disk of this machine. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freeBytes } from '../../agent/disk-space.ts';
import type { EngineCapabilities } from '../../agent/engines/engine.ts';
import { findProgram } from '../../agent/engines/find-program.ts';
import { type Finding, finding } from './finding.ts';

const PROGRAM_MS = 10_000;
/** An hour of stereo at 48 kHz is 0.7 GB, and a converted copy is beside it. */
const FREE_BYTES = { problem: 200e6, warning: 2e9 };

const run = promisify(execFile);

/** `found`: what the engine works with; null if it could not be prepared. */
export async function checkGpu(
  found: { name: string; capabilities: Pick<EngineCapabilities, 'device'> } | null,
  nvidia_smi = 'nvidia-smi',
): Promise<Finding> {
  const remote = found?.capabilities.device === 'remote';
  const uses = found?.capabilities.device === 'cuda';
  const program = await findProgram(nvidia_smi);
  if (program === null) {
    if (uses) return finding('gpu', 'ok', 'used by the engine; nvidia-smi, which measures its use, is not installed');
    return finding(
      'gpu',
      'ok',
      remote
        ? 'none is needed: the server transcribes'
        : `none (no nvidia-smi)${found ? ': the engine runs on the CPU' : ''}`,
    );
  }
  try {
    const query = ['--query-gpu=name,memory.total,memory.free,driver_version', '--format=csv,noheader,nounits'];
    const { stdout } = await run(program, query, { timeout: PROGRAM_MS });
    const gpus = stdout.trim().split('\n').filter(Boolean).map(gpuOf);
    if (gpus.length === 0)
      return finding('gpu', 'warning', 'nvidia-smi lists no GPU', 'Is the GPU given to this machine or container?');
    const says = gpus.join('; ');
    if (uses || remote || found === null || found.name === 'exec' || found.name === 'pocketsphinx')
      return finding('gpu', 'ok', says);
    const hint = 'Omit device=cpu, or install the engine with its support of CUDA; docs/first-gpu-worker.md shows how.';
    return finding('gpu', 'warning', `${says}; the engine runs on the CPU`, hint);
  } catch (error) {
    const { stderr, stdout, message } = error as Error & { stderr?: string; stdout?: string };
    const says = (stderr?.trim() || stdout?.trim() || message).split('\n', 1)[0]!;
    return finding(
      'gpu',
      'problem',
      `nvidia-smi fails: ${says}`,
      'Install the driver of the GPU again, or restart the machine.',
    );
  }
}

function gpuOf(line: string): string {
  const [name, total, free, driver] = line.split(',').map((field) => field.trim());
  return `${name}, ${gigabytes(Number(free) * 2 ** 20)} of ${gigabytes(Number(total) * 2 ** 20)} free, driver ${driver}`;
}

/** What lacks without it depends on the engine. */
export async function checkFfmpeg(engine: string | null, program = 'ffmpeg'): Promise<Finding> {
  const [ffmpeg, ffprobe] = await Promise.all([findProgram(program), findProgram('ffprobe')]);
  if (ffmpeg === null) {
    const hint = 'Install it: apt install ffmpeg, dnf install ffmpeg, brew install ffmpeg.';
    const lacks = 'not installed: ';
    switch (engine) {
      case 'openai-whisper':
        return finding('ffmpeg', 'problem', `${lacks}openai-whisper reads audio through it`, hint);
      case 'whisper.cpp':
        return finding('ffmpeg', 'warning', `${lacks}only WAV, MP3 and FLAC can be transcribed`, hint);
      case 'pocketsphinx':
        return finding('ffmpeg', 'warning', `${lacks}only WAV of 16 kHz can be transcribed`, hint);
      default:
        return finding(
          'ffmpeg',
          'warning',
          `${lacks}the length of some recordings is not known before they are read`,
          hint,
        );
    }
  }
  try {
    const { stdout } = await run(ffmpeg, ['-version'], { timeout: PROGRAM_MS });
    const version = /^ffmpeg version (\S+)/.exec(stdout)?.[1] ?? 'of an unknown version';
    if (ffprobe !== null) return finding('ffmpeg', 'ok', `${version}, with ffprobe`);
    return finding('ffmpeg', 'warning', `${version}, without ffprobe`, 'Install ffprobe, which belongs to ffmpeg.');
  } catch (error) {
    return finding(
      'ffmpeg',
      'problem',
      `${ffmpeg} does not run: ${(error as Error).message.split('\n', 1)[0]}`,
      'Install it again.',
    );
  }
}

/** `base`: where the worker makes its folder; default: as the worker's. Leaves nothing behind. */
export async function checkDisk(base: string = join(tmpdir(), 'tmon')): Promise<Finding> {
  const folder = await nearest(resolve(base));
  try {
    await rm(await mkdtemp(join(folder, 'tmon-doctor-')), { recursive: true });
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return finding(
      'disk',
      'problem',
      `${folder} cannot be written to: ${code}`,
      'Give another folder with --work-dir.',
    );
  }
  const free = await freeBytes(folder);
  if (free === null) return finding('disk', 'ok', `${base} can be written to; its free space is unknown`);
  const says = `${gigabytes(free)} free at ${base}`;
  const hint = 'Free some space, or give a folder on another disk with --work-dir.';
  if (free < FREE_BYTES.problem) return finding('disk', 'problem', says, hint);
  return free < FREE_BYTES.warning
    ? finding('disk', 'warning', `${says}: little for long recordings`, hint)
    : finding('disk', 'ok', says);
}

/** The folder itself, or the first above it that exists. */
async function nearest(path: string): Promise<string> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  return there || dirname(path) === path ? path : nearest(dirname(path));
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/**
 * The machine's health for each heartbeat: use of CPU, memory, work disk and GPU in percent.
 *
 * Starts no process but `nvidia-smi`, and only if it exists. A value that can't be read is null; it never prevents a
 * heartbeat.
 */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { currentLoad, mem } from 'systeminformation';
import type { HealthReport } from '../protocol/worker.ts';

export type HealthReaderOptions = {
  /** A path on the disk to measure. */
  directory: string;
  /** The GPUs to measure, in the format of CUDA_VISIBLE_DEVICES: `0,2` or `GPU-5e3f…`. Default: all. */
  visible_gpus?: string | undefined;
  /** Default: `nvidia-smi` in PATH. */
  nvidia_smi?: string;
};

const NVIDIA_SMI_TIMEOUT_MS = 5000;

const run = promisify(execFile);

/** CPU is the mean of all cores since the previous call. */
export function createHealthReader(
  options: HealthReaderOptions,
): () => Promise<Required<Omit<HealthReport, 'status' | 'reason'>>> {
  let hasGpu = true;
  const gpu = async () => {
    if (!hasGpu) return null;
    try {
      return await readGpuUsage(options);
    } catch (error) {
      // A failing driver may recover; a missing program won't appear.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') hasGpu = false;
      return null;
    }
  };
  return async () => {
    const [cpu_usage, memory_usage, disk_usage, gpu_usage] = await Promise.all([
      orNull(currentLoad().then((load) => load.currentLoad)),
      orNull(mem().then((memory) => 100 * (1 - memory.available / memory.total))),
      orNull(readDiskUsage(options.directory)),
      orNull(gpu()),
    ]);
    return { cpu_usage, memory_usage, disk_usage, gpu_usage };
  };
}

/** Like `df`: space reserved for root is neither used nor free. */
async function readDiskUsage(directory: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(directory);
  const used = blocks - bfree;
  return (100 * used) / (used + bavail);
}

/** The mean utilisation of the GPUs; null if none of them reports it. */
async function readGpuUsage({ nvidia_smi = 'nvidia-smi', visible_gpus }: HealthReaderOptions): Promise<number | null> {
  const query = ['--query-gpu=index,uuid,utilization.gpu', '--format=csv,noheader,nounits'];
  const { stdout } = await run(nvidia_smi, query, { timeout: NVIDIA_SMI_TIMEOUT_MS });
  const visible = visible_gpus?.split(',').map((name) => name.trim());
  const usages = stdout
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .filter(
      ([index = '', uuid = '']) =>
        visible?.some((name) => name === index || (name !== '' && uuid.startsWith(name))) ?? true,
    )
    .map(([, , usage]) => Number.parseFloat(usage ?? '')) // "[N/A]" under some virtual machines
    .filter((usage) => Number.isFinite(usage));
  return usages.length === 0 ? null : usages.reduce((sum, usage) => sum + usage, 0) / usages.length;
}

/** One decimal, 0 to 100. */
async function orNull(percentage: Promise<number | null>): Promise<number | null> {
  const value = await percentage.catch(() => null);
  return value === null || !Number.isFinite(value) ? null : Math.round(Math.min(100, Math.max(0, value)) * 10) / 10;
}

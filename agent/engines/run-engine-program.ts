/**
 * Runs an engine's program and classifies its failures: not installed, out of GPU memory, without its GPU, crashed. The
 * state of the GPU is recognised by messages, because every library has its own and none uses an exit code.
 */
import { diskFull, freeBytes, saysDiskFull } from '../disk-space.ts';
import { runProcessGroup } from '../process-group.ts';
import { EngineError, type EngineProgress, type TranscribeTask } from './engine.ts';

export type EngineProgramRequest = {
  engine: string;
  command: readonly [program: string, ...args: string[]];
  directory: string;
  signal: AbortSignal;
  /** The batch size passed to the program; after running out of memory the next attempt should try half of it. */
  batch_size: number;
  install_hint: string;
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  onLog?: ((line: string) => void) | undefined;
};

export type EngineProgramEnd = Pick<Signs, 'disk_full' | 'out_of_memory' | 'gpu_unavailable'> & {
  exit_code: number | null;
  exit_signal: NodeJS.Signals | null;
  stderr_tail: string;
};

/** What the lines of a program say about its machine. None is a failure by itself: a program may continue with less. */
export class Signs {
  /** Reported on stderr. */
  disk_full = false;
  out_of_memory = false;
  gpu_unavailable = false;

  note(line: string, stream: 'stdout' | 'stderr'): void {
    if (!this.out_of_memory) this.out_of_memory = saysOutOfMemory(line);
    if (!this.gpu_unavailable) this.gpu_unavailable = saysGpuUnavailable(line);
    if (!this.disk_full && stream === 'stderr') this.disk_full = saysDiskFull(line);
  }
}

const MESSAGE_LINES = 5;
const MESSAGE_LINE_CHARACTERS = 300;

// torch: "CUDA out of memory. Tried to allocate"; CTranslate2: "CUDA failed with error out of memory"; ggml:
// "cudaMalloc failed: out of memory"; cuBLAS, cuDNN, the CUDA driver, Vulkan and Metal: the constants below.
const OUT_OF_MEMORY = [
  /\b(cuda|cudamalloc|cublas|cudnn|hip|rocm|gpu|vram|mps|vulkan|metal|device)\b.*out of memory/i,
  /out of memory.*\b(cuda|gpu|vram|device)\b/i,
  /CU(BLAS|DNN|SOLVER|FFT)_STATUS_(ALLOC_FAILED|NOT_ENOUGH_MEMORY)/,
  /CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|hipErrorOutOfMemory|ErrorOutOfDeviceMemory|OutOfDeviceMemoryError/,
  /ggml_(cuda|metal|vulkan|vk|hip|sycl)\w*:.*(out of memory|failed to allocate(?!.*pinned))/i,
  /(torch|cuda)\.OutOfMemoryError/,
];

// CTranslate2 and ggml: "CUDA failed with error no CUDA-capable device is detected", "CUDA driver version is insufficient
// for CUDA runtime version"; torch: "Found no NVIDIA driver on your system"; a missing or wrong library; the driver's own
// words after an update without a reboot; the same of ROCm, Metal and Vulkan.
const GPU_UNAVAILABLE = [
  /no (CUDA|ROCm|HIP)-capable (device|GPU)s?|no (CUDA|HIP) GPUs are available/i,
  /(CUDA|ROCm|HIP)-capable device(s|\(s\))? (is|are|is\/are) busy or unavailable|invalid device ordinal/i,
  /(CUDA|NVIDIA) driver version is insufficient|found no NVIDIA driver|NVIDIA driver on your system is too old/i,
  /torch not compiled with CUDA enabled|CUDA is not available|not compiled with CUDA support/i,
  /\blib(cublas|cublasLt|cudnn|cudart|cufft|curand|nvrtc|cuda|nvidia-ml|amdhip64|rocblas|hipblas)\w*\.(so|dylib)\S*.*(not found|cannot|can't|could not|unable|no such file)/i,
  /(not found|cannot|can't|could not|unable to) (be )?(load|open)\b.*\b(lib)?(cublas|cudnn|cudart|nvrtc|cufft|rocblas|hipblas)/i,
  /CUDNN_STATUS_(NOT_INITIALIZED|ARCH_MISMATCH|.*VERSION_MISMATCH)|cudnn.*(version mismatch|incompatib)/i,
  /failed to initialize NVML|driver\/library version mismatch|GPU is lost|uncorrectable ECC error/i,
  /CUDA_ERROR_(NO_DEVICE|INVALID_DEVICE|NOT_INITIALIZED|SYSTEM_DRIVER_MISMATCH|SYSTEM_NOT_READY|ECC_UNCORRECTABLE|DEVICE_UNAVAILABLE)/,
  /(cuda|hip)Error(NoDevice|InvalidDevice|InsufficientDriver|DevicesUnavailable|InitializationError|SystemDriverMismatch|ECCUncorrectable)/,
  /failed to (create|find|get)\b.*\bMetal device|no Metal device|MPS backend is not available|MPS device.* not available/i,
  /no Vulkan devices? found|VK_ERROR_(INCOMPATIBLE_DRIVER|DEVICE_LOST)|ErrorDeviceLost|ErrorIncompatibleDriver/i,
];

/** Resolves if the program exits with 0; otherwise rejects with an EngineError or the signal's reason. */
export async function runEngineProgram(request: EngineProgramRequest): Promise<EngineProgramEnd> {
  const signs = new Signs();
  const ended = await runProcessGroup({
    command: request.command,
    directory: request.directory,
    signal: request.signal,
    onLine: (line, stream) => {
      signs.note(line, stream);
      request.onLine?.(line, stream);
      request.onLog?.(line);
    },
  }).catch((error: unknown) => {
    throw startFailure(request, error);
  });
  const { disk_full, out_of_memory, gpu_unavailable } = signs;
  const end = { ...ended, disk_full, out_of_memory, gpu_unavailable };
  if (end.exit_code !== 0) throw engineFailure(request, end);
  return end;
}

/** The error for a program that could not be started; any other error is returned as it is. */
export function startFailure(
  { engine, command, install_hint }: Pick<EngineProgramRequest, 'engine' | 'command' | 'install_hint'>,
  error: unknown,
): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'EACCES') return error;
  return new EngineError('engine_missing', `${engine}: cannot start ${command[0]} (${code})`, {
    hint: install_hint,
    cause: error,
  });
}

/** The error for a failed program; also for adapters whose program exited with 0 without a transcript. */
export function engineFailure(
  request: Pick<EngineProgramRequest, 'engine' | 'batch_size'>,
  end: EngineProgramEnd,
  what?: string,
): EngineError {
  const how = what ?? (end.exit_signal ? `killed by ${end.exit_signal}` : `exit code ${end.exit_code}`);
  const lines = end.stderr_tail.split('\n').filter((line) => /[^\s^~]/.test(line)); // Python underlines with ^ and ~
  const last = lines.slice(-MESSAGE_LINES).map((line) => line.trim().slice(0, MESSAGE_LINE_CHARACTERS));
  const message = [`${request.engine}: ${how}`, ...last].join('\n');
  if (end.out_of_memory) {
    const half = Math.floor(request.batch_size / 2);
    if (half < 1) return new EngineError('gpu_out_of_memory', message, { hint: 'choose a smaller model' });
    return new EngineError('gpu_out_of_memory', message, {
      hint: `retry with a batch size of ${half}, or choose a smaller model`,
      retry_with: { batch_size: half },
    });
  }
  if (end.disk_full) return diskFull(message);
  if (end.gpu_unavailable) {
    return new EngineError('gpu_unavailable', message, {
      hint: 'check the GPU and its driver, for example by nvidia-smi',
    });
  }
  const hint =
    end.exit_signal === 'SIGKILL' ? { hint: 'the kernel does this when the machine runs out of memory' } : {};
  return new EngineError('engine_crashed', message, hint);
}

/** The error for a program that exited with 0 and left an output that is cut: not every program checks its writes. */
export async function outputFailure(
  request: Pick<EngineProgramRequest, 'engine' | 'batch_size' | 'directory'>,
  end: EngineProgramEnd,
  what: string,
): Promise<EngineError> {
  if (await isFull(request.directory)) return diskFull(`${request.engine}: ${what}`);
  return engineFailure(request, end, what);
}

/** Whether the disk is so full that an output may have been cut. */
export async function isFull(directory: string): Promise<boolean> {
  const free = await freeBytes(directory);
  return free !== null && free < FREE_BYTES_MIN;
}

/** Programs write in blocks: the end of an output may be missing though a few kilobytes are free. */
const FREE_BYTES_MIN = 64 * 1024;

export function saysOutOfMemory(line: string): boolean {
  return OUT_OF_MEMORY.some((pattern) => pattern.test(line));
}

export function saysGpuUnavailable(line: string): boolean {
  return GPU_UNAVAILABLE.some((pattern) => pattern.test(line));
}

/** Makes progress comply with the port: 0 to 100, never falling, without repeats. */
export function steadyProgress(onProgress: (progress: EngineProgress) => void): (progress: EngineProgress) => void {
  let last: EngineProgress | undefined;
  return (progress) => {
    const total_chunks = Math.max(1, Math.round(progress.total_chunks));
    const percentage = Math.min(100, Math.max(0, progress.percentage, last?.percentage ?? 0));
    const current_chunk = Math.min(
      total_chunks,
      Math.max(0, Math.floor(progress.current_chunk), last?.current_chunk ?? 0),
    );
    if (!Number.isFinite(percentage) || !Number.isFinite(current_chunk)) return;
    if (last?.percentage === percentage && last.current_chunk === current_chunk) return;
    last = { percentage, current_chunk, total_chunks };
    onProgress(last);
  };
}

/** For engines that report only a percentage: chunks of 30 s, the window of the Whisper family. */
export function chunksAt(percentage: number, task: Pick<TranscribeTask, 'duration_seconds'>): EngineProgress {
  const total_chunks = Math.max(1, Math.ceil((task.duration_seconds ?? 0) / 30));
  return { percentage, current_chunk: Math.floor((percentage / 100) * total_chunks), total_chunks };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { saysDiskFull } from '../disk-space.ts';
import type { EngineProgress } from './engine.ts';
import { engineFailure, saysGpuUnavailable, saysOutOfMemory, steadyProgress } from './run-engine-program.ts';

test('the messages of each library for full GPU memory are recognised', () => {
  const lines = [
    'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 7.79 GiB',
    'torch.cuda.OutOfMemoryError: HIP out of memory.',
    'RuntimeError: CUDA error: out of memory',
    'RuntimeError: CUDA failed with error out of memory',
    'RuntimeError: cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED',
    'RuntimeError: CUDNN_STATUS_ALLOC_FAILED',
    'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 2951.33 MiB on device 0: cudaMalloc failed: out of memory',
    'ggml_vulkan: Device memory allocation of size 1048576 failed. ErrorOutOfDeviceMemory',
    'ggml_metal_buffer_init: error: failed to allocate buffer, size = 512.00 MiB',
    'MPS backend out of memory (MPS allocated: 8.00 GB)',
    'JOB_FAILED error=GPU out of memory',
    'cudaErrorMemoryAllocation: out of memory',
  ];
  for (const line of lines) assert.equal(saysOutOfMemory(line), true, line);
});

test('other errors, and other memory, are not mistaken for it', () => {
  const lines = [
    'MemoryError',
    'std::bad_alloc',
    'JavaScript heap out of memory',
    'RuntimeError: CUDA error: device-side assert triggered',
    'CUDA driver version is insufficient for CUDA runtime version',
    'ggml_cuda_host_malloc: failed to allocate 512.00 MiB of pinned memory: invalid argument',
    'whisper_backend_init_gpu: no GPU found',
    'we ran out of time',
  ];
  for (const line of lines) assert.equal(saysOutOfMemory(line), false, line);
});

test('after running out of memory half of the batch size is tried; of one there is no half', () => {
  const end = {
    exit_code: 1,
    exit_signal: null,
    stderr_tail: '',
    out_of_memory: true,
    disk_full: false,
    gpu_unavailable: false,
  };
  const halves = [64, 5, 2, 1].map(
    (batch_size) => engineFailure({ engine: 'x', batch_size }, end).retry_with?.batch_size,
  );
  assert.deepEqual(halves, [32, 2, 1, undefined]);
  assert.equal(engineFailure({ engine: 'x', batch_size: 1 }, end).hint, 'choose a smaller model');
});

test("a failure's message has the last five lines of stderr, without Python's underlining", () => {
  const stderr_tail = [...'123456789', '   ~~~^^^  ', 'ValueError: bad'].join('\n');
  const end = {
    exit_code: 1,
    exit_signal: null,
    stderr_tail,
    out_of_memory: false,
    disk_full: false,
    gpu_unavailable: false,
  };
  const { message } = engineFailure({ engine: 'x', batch_size: 1 }, end);
  assert.equal(message, 'x: exit code 1\n6\n7\n8\n9\nValueError: bad');
});

test('progress complies with the port, whatever an engine reports', () => {
  const told: EngineProgress[] = [];
  const report = steadyProgress((progress) => told.push(progress));
  for (const percentage of [-5, 10, 5, 10, Number.NaN, 272]) {
    report({ percentage, current_chunk: Math.floor(percentage / 50), total_chunks: 2 });
  }
  assert.deepEqual(told, [
    { percentage: 0, current_chunk: 0, total_chunks: 2 },
    { percentage: 10, current_chunk: 0, total_chunks: 2 },
    { percentage: 100, current_chunk: 2, total_chunks: 2 },
  ]);
});

test('the message of a full disk on stderr makes a failure disk_full, whoever prints it', () => {
  const lines = [
    'OSError: [Errno 28] No space left on device',
    'write error: No space left on device',
    'OSError: [Errno 122] Disk quota exceeded',
    'Error: ENOSPC: no space left on device, write',
  ];
  for (const line of lines) assert.equal(saysDiskFull(line), true, line);
  assert.equal(saysDiskFull('there is no space left in the meeting room'), false);
  const end = {
    exit_code: 1,
    exit_signal: null,
    stderr_tail: lines[0]!,
    out_of_memory: false,
    disk_full: true,
    gpu_unavailable: false,
  };
  const { code, retryable } = engineFailure({ engine: 'x', batch_size: 1 }, end);
  assert.deepEqual([code, retryable], ['disk_full', true]);
});

test('a GPU that cannot be used is recognised by what libraries and drivers say', () => {
  const lines = [
    'RuntimeError: CUDA failed with error no CUDA-capable device is detected',
    'RuntimeError: CUDA failed with error CUDA driver version is insufficient for CUDA runtime version',
    'RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU',
    'RuntimeError: Library libcublas.so.12 is not found or cannot be loaded',
    'Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: cannot open shared object file',
    'Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9, libcudnn_ops.so}',
    'Failed to initialize NVML: Driver/library version mismatch',
    'AssertionError: Torch not compiled with CUDA enabled',
    'RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable',
    'RuntimeError: CUDA error: invalid device ordinal',
    'ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected',
    'cuInit failed: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH',
    'RuntimeError: No HIP GPUs are available',
    'hipErrorNoDevice: no ROCm-capable device is detected',
    'ggml_metal_device_init: error: failed to create Metal device',
    'RuntimeError: MPS backend is not available',
    'terminate called after throwing an instance of vk::DeviceLostError: ErrorDeviceLost',
  ];
  for (const line of lines) assert.equal(saysGpuUnavailable(line), true, line);
  const others = [
    'RuntimeError: CUDA failed with error out of memory',
    'RuntimeError: CUDA error: device-side assert triggered',
    'whisper_backend_init_gpu: no GPU found',
    'whisper_init_with_params_no_state: use gpu    = 1',
    'ModuleNotFoundError: No module named faster_whisper',
    'FileNotFoundError: model.bin: cannot open',
  ];
  for (const line of others) assert.equal(saysGpuUnavailable(line), false, line);
  const end = { exit_code: 1, exit_signal: null, stderr_tail: lines[0]!, out_of_memory: false, disk_full: false };
  const { code, retryable } = engineFailure({ engine: 'x', batch_size: 1 }, { ...end, gpu_unavailable: true });
  assert.deepEqual([code, retryable], ['gpu_unavailable', true]);
});

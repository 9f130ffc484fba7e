/** What a thread can do: functions of one input, which has the bytes to work on. */
import { splitBatch } from './batch-tasks.ts';
import { notesOnStored, openAiResponse, openAiStream, openStored, renderStored, sealBody } from './transcript-tasks.ts';

export const tasks = { sealBody, openStored, renderStored, notesOnStored, openAiResponse, openAiStream, splitBatch };

export type Tasks = typeof tasks;
export type TaskName = keyof Tasks;
export type Input<N extends TaskName> = Parameters<Tasks[N]>[0];
export type Output<N extends TaskName> = ReturnType<Tasks[N]>;

export type Request = { name: TaskName; input: { bytes: Uint8Array } };
export type Reply = { value: unknown } | { error: unknown };

/** The memory in a value, to be transferred with it. Small Buffers are parts of a pool and are copied. */
export function memoryIn(value: unknown): ArrayBuffer[] {
  if (value instanceof Uint8Array) {
    const { buffer } = value;
    return buffer instanceof ArrayBuffer && buffer.byteLength === value.length ? [buffer] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(memoryIn);
}

/** Buffers arrive as plain arrays of bytes. */
export function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withBuffers);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withBuffers(part)]));
}

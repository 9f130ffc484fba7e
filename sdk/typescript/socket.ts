/** The WebSocket interface that every platform has; not every platform's types declare it. */
export type Socket = {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
};

/** The message in what was received; null if it is none of the monitor's: binary, no JSON, no object with a type. */
export function messageIn<T extends { type: string }>(data: unknown): T | null {
  const value = valueIn(data);
  return isMessage(value) ? (value as T) : null;
}

/** The same, of one message or a list of them. */
export function messagesIn<T extends { type: string }>(data: unknown): T[] | null {
  const value = valueIn(data);
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.every(isMessage) ? (list as T[]) : null;
}

function valueIn(data: unknown): unknown {
  try {
    return typeof data === 'string' ? JSON.parse(data) : null;
  } catch {
    return null;
  }
}

const isMessage = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

/**
 * A WebSocket peer at byte level, for tests of behaviour that no library has: malformed frames, silence, not reading.
 */
import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Cleaning } from '../processes/tmon.ts';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export type Frame = {
  opcode: number;
  payload: Uint8Array;
  fin?: boolean;
  masked?: boolean;
  /** Reserved bits of the first byte. */
  rsv?: number;
  /** Length in the header, if it differs from the payload's. */
  length?: number;
};

/** In the format of RFC 6455. */
export function frame({ opcode, payload, fin = true, masked = true, rsv = 0, length = payload.length }: Frame): Buffer {
  const head = Buffer.alloc(14);
  head[0] = (fin ? 0x80 : 0) | rsv | opcode;
  let at = 2;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    at = head.writeUInt16BE(length, at);
  } else {
    head[1] = 127;
    at = head.writeBigUInt64BE(BigInt(length), at);
  }
  if (!masked) return Buffer.concat([head.subarray(0, at), payload]);
  head[1]! |= 0x80;
  const mask = randomBytes(4);
  mask.copy(head, at);
  return Buffer.concat([head.subarray(0, at + 4), payload.map((byte, i) => byte ^ mask[i % 4]!)]);
}

type Events = { text: [string]; ping: []; pong: [] };

export class RawWebSocket extends EventEmitter<Events> {
  readonly socket: Socket;
  readonly texts: string[] = [];
  pongs = 0;
  repliesToPings = true;
  repliesToClose = true;
  /** Status of the handshake's response; 101 for a WebSocket. */
  status = 0;
  /** The close frame's code and reason; null if the connection ended without one. */
  readonly closed: Promise<{ code: number | null; reason: string }>;
  #buffer: Buffer = Buffer.alloc(0);
  #close: { code: number | null; reason: string } = { code: null, reason: '' };

  static async connect(t: Cleaning, url: string, headers: Record<string, string> = {}): Promise<RawWebSocket> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    t.after(() => void socket.destroy());
    await once(socket, 'connect');
    const key = randomBytes(16).toString('base64');
    const lines = Object.entries({
      host,
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-key': key,
      'sec-websocket-version': '13',
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET /ws HTTP/1.1\r\n${lines.join('')}\r\n`);
    const raw = new RawWebSocket(socket);
    await raw.#handshake(key);
    return raw;
  }

  private constructor(socket: Socket) {
    super();
    this.socket = socket;
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve(this.#close));
    });
  }

  /** A complete text message. */
  send(message: unknown): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    this.sendFrame({ opcode: OPCODE.text, payload: Buffer.from(text) });
  }

  sendFrame(one: Frame): boolean {
    return this.socket.write(frame(one));
  }

  /** Stops reading: its buffers, and then the sender's, fill up. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  #handshake(key: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error(`closed before the handshake: ${this.#buffer}`));
      this.socket.once('close', gone);
      const read = (chunk: Buffer) => {
        this.#buffer = Buffer.concat([this.#buffer, chunk]);
        const end = this.#buffer.indexOf('\r\n\r\n');
        if (end < 0) return;
        this.socket.off('data', read);
        this.socket.off('close', gone);
        const head = this.#buffer.subarray(0, end).toString('latin1');
        this.#buffer = this.#buffer.subarray(end + 4);
        this.status = Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1]);
        if (this.status !== 101) return resolve();
        const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        if (!head.includes(accept)) return reject(new Error(`not the response to this key: ${head}`));
        this.socket.on('data', (more: Buffer) => this.#read(more));
        this.#read(Buffer.alloc(0));
        resolve();
      };
      this.socket.on('data', read);
    });
  }

  #read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const one = takeFrame(this.#buffer);
      if (!one) return;
      this.#buffer = this.#buffer.subarray(one.bytes);
      this.#hear(one.opcode, one.payload);
    }
  }

  #hear(opcode: number, payload: Buffer): void {
    switch (opcode) {
      case OPCODE.text:
        this.texts.push(payload.toString());
        this.emit('text', payload.toString());
        return;
      case OPCODE.ping:
        this.emit('ping');
        if (this.repliesToPings) this.sendFrame({ opcode: OPCODE.pong, payload });
        return;
      case OPCODE.pong:
        this.pongs += 1;
        this.emit('pong');
        return;
      case OPCODE.close:
        this.#close = {
          code: payload.length >= 2 ? payload.readUInt16BE(0) : null,
          reason: payload.subarray(2).toString(),
        };
        if (this.repliesToClose) this.socket.end(frame({ opcode: OPCODE.close, payload: payload.subarray(0, 2) }));
        return;
    }
  }
}

function takeFrame(buffer: Buffer): { opcode: number; payload: Buffer; bytes: number } | undefined {
  if (buffer.length < 2) return undefined;
  let length = buffer[1]! & 0x7f;
  let at = 2;
  if (length === 126) {
    if (buffer.length < 4) return undefined;
    length = buffer.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (buffer.length < 10) return undefined;
    length = Number(buffer.readBigUInt64BE(2));
    at = 10;
  }
  if (buffer.length < at + length) return undefined;
  return { opcode: buffer[0]! & 0x0f, payload: buffer.subarray(at, at + length), bytes: at + length };
}

/**
 * A request that reports how much of its body is sent. `fetch` reports nothing by itself: in a browser XMLHttpRequest does, and
 * elsewhere the body is a stream that counts what is taken from it.
 */
export type SentBytes = (sent: number) => void;

const PART_BYTES = 64 * 1024;

type Request = { method: string; headers: Record<string, string>; signal: AbortSignal; body: Blob };

export function sendCounted(
  fetch: typeof globalThis.fetch,
  url: string,
  request: Request,
  onSent: SentBytes,
): Promise<Response> {
  if ('XMLHttpRequest' in globalThis && fetch === globalThis.fetch) return withXhr(url, request, onSent);
  return fetch(url, { ...request, body: counted(request.body, onSent), duplex: 'half' } as RequestInit);
}

/** In parts, each read when the one before it is taken. */
function counted(body: Blob, onSent: SentBytes): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        if (sent >= body.size) return controller.close();
        const part = new Uint8Array(await body.slice(sent, sent + PART_BYTES).arrayBuffer());
        controller.enqueue(part);
        sent += part.byteLength;
        onSent(sent);
      },
    },
    { highWaterMark: 0 },
  );
}

/** What is used of the browser's; the SDK is compiled without the types of one. */
type Xhr = {
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  send(body: Blob): void;
  abort(): void;
  getAllResponseHeaders(): string;
  readonly status: number;
  readonly responseText: string;
  readonly upload: { onprogress: ((event: { loaded: number }) => void) | null };
  onload: (() => void) | null;
  onerror: (() => void) | null;
};

function withXhr(url: string, { method, headers, signal, body }: Request, onSent: SentBytes): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const request = new (globalThis as unknown as { XMLHttpRequest: new () => Xhr }).XMLHttpRequest();
    const onAbort = () => {
      request.abort();
      reject(signal.reason);
    };
    const done = (settle: () => void) => () => {
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onload = done(() => {
      const received = request.getAllResponseHeaders().trim().split('\r\n');
      const pairs = received.map((line): [string, string] => [
        line.split(':', 1)[0]!,
        line.slice(line.indexOf(':') + 1).trim(),
      ]);
      resolve(new Response(request.responseText || null, { status: request.status, headers: pairs }));
    });
    request.onerror = done(() => reject(new TypeError('the request failed')));
    request.send(body);
  });
}

/** A receiver of traces for tests: takes OTLP over HTTP in JSON, as a collector does, and keeps the spans. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { Cleaning } from '../processes/tmon.ts';

export type ReceivedSpan = {
  service: string;
  trace_id: string;
  span_id: string;
  parent_span_id: string;
  name: string;
  start_ms: number;
  end_ms: number;
  attributes: Record<string, unknown>;
  /** Message of an error; undefined without one. */
  error: string | undefined;
};

export type OtlpReceiver = {
  endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** Resolves once the spans received so far are as wanted. */
  until(are: (spans: readonly ReceivedSpan[]) => boolean): Promise<readonly ReceivedSpan[]>;
};

type Value = { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean };
type Attributes = { key: string; value: Value }[];
type Body = {
  resourceSpans: {
    resource: { attributes: Attributes };
    scopeSpans: {
      spans: {
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        name: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes: Attributes;
        status: { code?: number; message?: string };
      }[];
    }[];
  }[];
};

/** `status`: what it responds with; `null`: it never responds. */
export async function startOtlpReceiver(
  t: Cleaning,
  { status = 200 }: { status?: number | null } = {},
): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const waiting = new Set<() => void>();
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    if (status === null) return;
    if (status === 200 && request.url === '/v1/traces') spans.push(...spansIn(body));
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    for (const look of waiting) look();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    until: (are) =>
      new Promise((resolve) => {
        const look = () => {
          if (!are(spans)) return;
          waiting.delete(look);
          resolve(spans);
        };
        waiting.add(look);
        look();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const bytes = await buffer(request);
  const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
  return JSON.parse(text.toString('utf8')) as Body;
}

function spansIn({ resourceSpans }: Body): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)['service.name']);
    return scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        service,
        trace_id: span.traceId,
        span_id: span.spanId,
        parent_span_id: span.parentSpanId ?? '',
        name: span.name,
        start_ms: Number(BigInt(span.startTimeUnixNano) / 1_000_000n),
        end_ms: Number(BigInt(span.endTimeUnixNano) / 1_000_000n),
        attributes: valuesOf(span.attributes),
        error: span.status.code === 2 ? (span.status.message ?? '') : undefined,
      })),
    );
  });
}

const valuesOf = (attributes: Attributes): Record<string, unknown> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => {
      const { stringValue, intValue, doubleValue, boolValue } = value;
      return [key, stringValue ?? boolValue ?? Number(intValue ?? doubleValue)];
    }),
  );

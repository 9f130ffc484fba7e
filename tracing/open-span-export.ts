/**
 * Sends spans by OTLP over HTTP, with the official packages, which are loaded only when this is called. They read where
 * to and how from the environment: OTEL_EXPORTER_OTLP_ENDPOINT, …_HEADERS, …_TIMEOUT, OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES. Spans are sent in batches in the background; a collector that is away costs only its spans.
 */
import { readFile } from 'node:fs/promises';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { FinishedSpan, SpanExport } from './span.ts';

type Options = {
  /** `service.name`, unless the environment says otherwise. */
  service: string;
  log: (message: string) => void;
};

const CLOSE_WITHIN_MS = 2_000;
const EVERY_MS = 1_000;
/** Of a request with its retries, unless the environment says otherwise: a process with a request under way does not end. */
const TIMEOUT_MS = 2_500;

export async function openSpanExport({ service, log }: Options): Promise<SpanExport> {
  const [api, sdk, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const version = await ownVersion();
  const ids = new GivenIds();
  const named = resources.resourceFromAttributes({ 'service.name': service, 'service.version': version });
  const { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, OTEL_EXPORTER_OTLP_TIMEOUT } = process.env;
  const given = OTEL_EXPORTER_OTLP_TRACES_TIMEOUT || OTEL_EXPORTER_OTLP_TIMEOUT;
  const exporter = new OTLPTraceExporter(given ? {} : { timeoutMillis: TIMEOUT_MS });
  const provider = new sdk.TracerProvider({
    idGenerator: ids,
    resource: named.merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: logged(exporter, log),
        scheduledDelayMillis: EVERY_MS,
      }),
    ],
  });
  const tracer = provider.getTracer('transcription-monitor', version);
  const send = (span: FinishedSpan) => {
    ids.next = span;
    const { trace_id: traceId, parent_span_id, attributes } = span;
    const parent = parent_span_id && { traceId, spanId: parent_span_id, traceFlags: api.TraceFlags.SAMPLED };
    const context = parent ? api.trace.setSpanContext(api.ROOT_CONTEXT, parent) : api.ROOT_CONTEXT;
    const made = tracer.startSpan(span.name, { startTime: span.start_ms, attributes }, context);
    for (const { name, at_ms } of span.events ?? []) made.addEvent(name, at_ms);
    if (span.error !== null) made.setStatus({ code: api.SpanStatusCode.ERROR, message: span.error });
    made.end(Math.max(span.start_ms, span.end_ms));
  };
  return {
    export(span) {
      try {
        send(span);
      } catch (error) {
        log(`a span was not recorded: ${messageOf(error)}`);
      }
    },
    async close() {
      const late = new Promise<void>((resolve) => void setTimeout(resolve, CLOSE_WITHIN_MS).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
    },
  };
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Ids of the span that is made next: they are known before, because other processes refer to them. */
class GivenIds {
  next: Pick<FinishedSpan, 'trace_id' | 'span_id'> = { trace_id: '', span_id: '' };

  generateTraceId(): string {
    return this.next.trace_id;
  }

  generateSpanId(): string {
    return this.next.span_id;
  }
}

/** Logs when spans begin to be lost, and when they no longer are. */
function logged(exporter: SpanExporter, log: (message: string) => void): SpanExporter {
  let failing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const { code, error } = result;
        const failed = code !== 0;
        if (failed && !failing)
          log(`traces are not accepted and are dropped: ${error ? messageOf(error) : 'no reason given'}`);
        if (!failed && failing) log('traces are accepted again');
        failing = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message || String(error) : String(error));

/**
 * `node test/proxies/main.ts`: what takes long through each reverse proxy of deploy/proxies, as the real program runs it: a claim
 * that waits 20 s, both kinds of feed that are quiet for 130 s, 1 GB up, 100 MB down, and a worker and `tmon` that trust the
 * proxy's private authority by --ca. Prints a line for each; exit code 1 if one fails. Three minutes and 6 GB of disk.
 */
import assert from 'node:assert/strict';
import { openAsBlob, truncateSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { type Cleaning, runTmon, startTestMonitor, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';
import { issueCertificate } from '../servers/authority.ts';
import { freePort, REVERSE_PROXIES, startReverseProxy, whyNot } from '../servers/reverse-proxy.ts';

const ENGINE = `exec:sh -c 'echo hello > "$2"' sh {input} {output}`;
const QUIET_MS = 130_000;
const UP_BYTES = 1024 ** 3;
const DOWN_BYTES = 100 * 1024 ** 2;

const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (run) => void cleaning.unshift(run) };
try {
  const folder = temporaryDirectory(t);
  const certificate = issueCertificate(folder, ['localhost']);
  setDefaultCACertificates([...getCACertificates('default'), await readFile(certificate.ca, 'utf8')]);
  const monitor = await startTestMonitor(t);
  const recording = join(folder, 'call.wav');
  writeFileSync(recording, wav(5));
  const file = (name: string, bytes: number) => {
    writeFileSync(join(folder, name), '');
    truncateSync(join(folder, name), bytes);
    return openAsBlob(join(folder, name));
  };
  const [large, small] = await Promise.all([file('large.wav', UP_BYTES), file('small.wav', DOWN_BYTES)]);

  const urls = new Map<string, string>();
  for (const [name, kind] of Object.entries(REVERSE_PROXIES)) {
    const why = await whyNot(kind);
    if (why !== false) told(name, `not run: ${why}`);
    else
      urls.set(name, await startReverseProxy(t, name, { monitor: monitor.url, certificate, port: await freePort() }));
  }
  const quiet = Promise.all([...urls].map(([name, url]) => staysOpen(name, url)));
  // Observed where it is awaited.
  quiet.catch(() => {});
  await Promise.all([...urls].map(([name, url]) => claims(name, url)));
  for (const [name, url] of urls) {
    const api = new TranscriptionAPI({ baseUrl: url });
    const begun_ms = performance.now();
    const { audio_url } = await api.uploads.create({ name: 'large.wav', body: large });
    told(name, `1 GB up in ${seconds(begun_ms)}`);
    const { body, sizeBytes } = await api.uploads.open(audio_url);
    await body.cancel();
    assert.equal(sizeBytes, UP_BYTES);
    await downloads(name, api, small);
    await works(name, url, { ca: certificate.ca, recording });
  }
  await quiet;
} finally {
  for (const clean of cleaning) await clean();
}
// Streams that were left open end with it.
process.exit();

async function claims(name: string, url: string): Promise<void> {
  const api = new TranscriptionAPI({ baseUrl: url });
  const worker_id = `worker-${name.replace(/\W/g, '-')}`;
  await api.workers.register(worker_id, { capabilities: {} });
  const begun_ms = performance.now();
  assert.deepEqual((await api.workers.claim(worker_id, { max_jobs: 1, wait_seconds: 20 })).jobs, []);
  assert.ok(performance.now() - begun_ms > 19_000);
  told(name, `a claim waited for ${seconds(begun_ms)}`);
  await api.workers.terminate(worker_id);
}

/** One WebSocket and one stream of events, which nothing reopens, get an event after a long silence. */
async function staysOpen(name: string, url: string): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  const heard: string[] = [];
  socket.onmessage = ({ data }) => heard.push(String(data));
  socket.onopen = () => socket.send('{"action":"subscribe","resource":"jobs","filter":{"tag":"after-silence"}}');
  const events = await fetch(`${url}/api/v1/events?resource=jobs&tag=after-silence`);
  let text = '';
  const reading = (async () => {
    for await (const part of events.body!.pipeThrough(new TextDecoderStream())) text += part;
  })();
  reading.catch(() => {});
  await pause(QUIET_MS);
  assert.equal(socket.readyState, WebSocket.OPEN, 'the WebSocket is open');
  const tag = { audio_url: 's3://bucket/a.mp3', tags: ['after-silence'] };
  const { id } = await new TranscriptionAPI({ baseUrl: url }).jobs.submit(tag);
  for (let tries = 0; tries < 100 && !(text.includes(id) && heard.some((one) => one.includes(id))); tries += 1) {
    await pause(50);
  }
  assert.ok(
    heard.some((one) => one.includes(id)),
    'the WebSocket has the event',
  );
  assert.ok(text.includes(id), 'the stream has the event');
  socket.close();
  told(name, 'a WebSocket and a stream of events were quiet for 130 s, and got the next event');
}

async function downloads(name: string, api: TranscriptionAPI, body: Blob): Promise<void> {
  const { audio_url } = await api.uploads.create({ name: 'small.wav', body });
  const begun_ms = performance.now();
  let bytes = 0;
  for await (const part of (await api.uploads.open(audio_url)).body) bytes += part.byteLength;
  assert.equal(bytes, DOWN_BYTES);
  told(name, `100 MB down in ${seconds(begun_ms)}`);
}

async function works(name: string, url: string, { ca, recording }: { ca: string; recording: string }): Promise<void> {
  const environment = { TMON_SERVER: url, TMON_CA: ca };
  const worker = startTmon(t, ['worker', '--engine', ENGINE, '--transport', 'websocket'], { environment });
  await worker.line(/ ready /);
  const { code, stdout, stderr } = await runTmon(t, ['submit', recording, '--watch'], { environment });
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /Experimental/);
  const [, id = ''] = /^(job-\S+)/.exec(stdout) ?? [];
  assert.equal((await runTmon(t, ['transcript', id], { environment })).stdout.trim(), 'hello');
  const stranger = await runTmon(t, ['jobs'], { environment: { TMON_SERVER: url } });
  assert.match(stranger.stderr, /certificate/);
  worker.kill('SIGTERM');
  await worker.ended;
  told(name, 'a worker and tmon trust its authority with TMON_CA, and refuse without');
}

function told(name: string, what: string): void {
  console.log(`${name}: ${what}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function seconds(begun_ms: number): string {
  return `${((performance.now() - begun_ms) / 1000).toFixed(1)} s`;
}

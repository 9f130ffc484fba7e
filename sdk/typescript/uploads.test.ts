/** Uploads of files, with progress, against a real monitor. In a browser: test/packages/sdk-main.ts. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMonitor } from '../../test/servers/monitor.ts';
import { TranscriptionAPI, type UploadProgress } from './index.ts';

const monitor = await openMonitor({ after });
const api = new TranscriptionAPI({ baseUrl: monitor.url });
const BYTES = new Uint8Array(3_000_000).map((_, at) => at % 251);

async function stored(audio_url: string): Promise<Uint8Array> {
  const { body } = await api.uploads.open(audio_url);
  return new Uint8Array(await new Response(body).arrayBuffer());
}

test('a File is uploaded under its name, and its progress ends at 100 percent', async () => {
  const progress: UploadProgress[] = [];
  const file = new File([BYTES], 'a call.wav', { type: 'audio/wav' });
  const upload = await api.uploads.create(file, { onProgress: (now) => progress.push(now) });
  assert.match(upload.audio_url, /a%20call\.wav$|a call\.wav$/);
  assert.deepEqual(await stored(upload.audio_url), BYTES);
  assert.ok(progress.length > 1, `${progress.length} reports`);
  assert.deepEqual(progress.at(-1), { sentBytes: BYTES.length, totalBytes: BYTES.length, percentage: 100 });
  const sent = progress.map(({ sentBytes }) => sentBytes);
  assert.deepEqual(
    sent,
    sent.toSorted((a, b) => a - b),
  );
});

test('bytes, a text and a Blob are uploaded with and without progress', async () => {
  for (const body of [BYTES, 'RIFF as text', new Blob([BYTES])]) {
    for (const onProgress of [undefined, () => undefined]) {
      const upload = await api.uploads.create({ name: 'a.wav', body }, { onProgress });
      assert.equal((await stored(upload.audio_url)).byteLength, new Blob([body as string]).size);
    }
  }
});

test('a retried upload reports from 0 again, and is stored once', async () => {
  let calls = 0;
  const sent: number[] = [];
  const failing: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    calls += 1;
    return calls === 1 ? new Response(null, { status: 503 }) : response;
  };
  const client = new TranscriptionAPI({ baseUrl: monitor.url, fetch: failing, wait: async () => undefined });
  const upload = await client.uploads.create(new File([BYTES], 'b.wav'), {
    onProgress: ({ sentBytes }) => sent.push(sentBytes),
  });
  assert.equal(calls, 2);
  assert.deepEqual(await stored(upload.audio_url), BYTES);
  assert.equal(sent.filter((bytes) => bytes === BYTES.length).length, 2);
});

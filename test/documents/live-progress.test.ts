/** The documents' JavaScript for live progress, in its own process, while a worker works. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { startTestMonitor, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';

/** Letter by letter. */
const PROGRAM = `\
const ws = new WebSocket('wss://api.transcription.com/ws');

// Subscribe to job updates
ws.send(JSON.stringify({
    action: 'subscribe',
    resource: 'job',
    job_id: 'job-abc123'
}));

// Receive real-time updates
ws.onmessage = (event) => {
    const update = JSON.parse(event.data);
    updateProgressBar(update.percentage);
    showStatus(update.stage);
};
`;

/**
 * The page around it. The program sends before the connection is open, which a browser's own WebSocket refuses; this
 * one waits, like reconnecting libraries.
 */
const PAGE = `\
const updateProgressBar = (percentage) => console.log('bar', percentage);
const showStatus = (stage) => console.log('status', stage);
globalThis.WebSocket = class extends WebSocket {
  send(text) {
    if (this.readyState === WebSocket.OPEN) super.send(text);
    else this.addEventListener('open', () => super.send(text), { once: true });
  }
};
`;

/** Reports progress, and writes a transcript once the progress has been seen. */
const engineUntil = (seen: string) =>
  `exec:sh -c 'echo "chunk 1/2"; until [ -e ${seen} ]; do sleep 0.05; done; echo hello > "$2"' sh {input} {output}`;

test('[A98] [A99] [A100] [A101] the documents’ JavaScript, as printed, shows how far a worker is', async (t) => {
  const { url, api } = await startTestMonitor(t);
  const { audio_url } = await api.uploads.create({ name: 'a.wav', body: wav(1) });
  const { id } = await api.jobs.submit({ audio_url });
  const seen = join(temporaryDirectory(t), 'seen');
  const program = PROGRAM.replace('wss://api.transcription.com', url.replace('http', 'ws')).replace('job-abc123', id);
  const page = spawn(process.execPath, ['-e', PAGE + program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(page, 'close');
  t.after(async () => {
    page.kill('SIGKILL');
    await ended;
  });
  const shown: string[] = [];
  for await (const line of createInterface(page.stdout)) {
    // It shows the current state first; then the work begins.
    if (shown.push(line) === 2) startTmon(t, ['worker', '--server', url, '--engine', engineUntil(seen)]);
    if (line === 'status TRANSCRIBING') writeFileSync(seen, '');
    if (line === 'bar 100' || line === 'bar null') page.kill('SIGTERM');
  }
  assert.deepEqual(shown.slice(0, 2), ['bar 0', 'status null']);
  const bars = shown.filter((line) => line.startsWith('bar ')).map((line) => Number(line.slice(4)));
  assert.deepEqual(
    bars,
    bars.toSorted((a, b) => a - b),
  );
  assert.equal(bars.at(-1), 100);
});

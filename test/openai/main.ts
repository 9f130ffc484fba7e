/**
 * `node test/openai/main.ts`: OpenAI's clients for JavaScript and Python, and LangChain's loader of recordings, against a
 * monitor and a worker with faster-whisper and tiny.en; then a second monitor whose worker takes the first for its engine. Prints the share of right words of each; exit code 1 if one is
 * lower than 0.9. A minute or two; not part of npm test.
 */
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import OpenAI from 'openai';
import { PACKAGED_FASTER_WHISPER } from '../../agent/engines/faster-whisper.ts';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { type Cleaning, startProgram, startTestMonitor, startTmon } from '../processes/tmon.ts';

const RECORDING = new URL('../../examples/audio/lost-keys.wav', import.meta.url).pathname;
const SPOKEN = new URL('../../examples/audio/lost-keys.txt', import.meta.url);
const CLIENTS = {
  name: 'openai-clients',
  requirements: ['openai==3.57.0', 'langchain-community==0.4.2', 'pydub==0.25.1'],
};
const RIGHT_MIN = 0.9;

const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (run) => void cleaning.unshift(run) };
try {
  const python = await ensurePythonEnvironment(CLIENTS);
  const { url } = await startTestMonitor(t);
  startTmon(t, ['worker', '--server', url, '--engine', PACKAGED_FASTER_WHISPER]);
  const spoken = words(await readFile(SPOKEN, 'utf8'));
  const second = await startTestMonitor(t);
  startTmon(t, ['worker', '--server', second.url, '--engine', `openai:${url}/v1`]);
  const texts = {
    javascript: await javascript(`${url}/v1`),
    ...(await inPython(python.python, `${url}/v1`)),
    'a monitor behind a monitor': await javascript(`${second.url}/v1`),
  };
  for (const [client, text] of Object.entries(texts)) {
    const heard = new Set(words(text));
    const right = spoken.filter((word) => heard.has(word)).length / spoken.length;
    console.log(`${client}: ${right.toFixed(3)} of the words`);
    assert.ok(right >= RIGHT_MIN, text);
  }
} finally {
  for (const clean of cleaning) await clean();
}

async function javascript(baseURL: string): Promise<string> {
  const client = new OpenAI({ baseURL, apiKey: 'none' });
  return (await client.audio.transcriptions.create({ file: createReadStream(RECORDING), model: 'whisper-1' })).text;
}

async function inPython(python: string, base_url: string): Promise<Record<string, string>> {
  const script = new URL('clients.py', import.meta.url).pathname;
  const environment = { OPENAI_BASE_URL: base_url, OPENAI_API_BASE: base_url, OPENAI_API_KEY: 'none' };
  const { code, stdout, stderr } = await startProgram(t, python, [script, RECORDING], { environment }).ended;
  assert.equal(code, 0, stderr);
  // LangChain prints lines of its own before.
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

function words(text: string): string[] {
  return text.toLowerCase().match(/[a-z']+/g) ?? [];
}

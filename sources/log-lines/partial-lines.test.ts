/** Lines that container runtimes have split, through the scanner that reads files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LINE_BYTES_MAX, LineScanner, type Scanned } from './scan.ts';

const TIME = '2026-11-26T19:28:00.123456789Z';
const ERROR = `boom ${'x'.repeat(20_000)}`;

/** As docker's json-file driver writes a line: in parts of 16 KiB. */
function docker(line: string, stream = 'stderr'): string {
  const parts = line.match(/.{1,16384}/gs)!;
  return parts
    .map(
      (part, index) =>
        `${JSON.stringify({ log: index === parts.length - 1 ? `${part}\n` : part, stream, time: TIME })}\n`,
    )
    .join('');
}

/** As containerd writes a line. */
function cri(line: string, { stream = 'stderr', bytes = 16_000 } = {}): string {
  const parts = line.match(new RegExp(`.{1,${bytes}}`, 'gs'))!;
  return parts.map((part, index) => `${TIME} ${stream} ${index === parts.length - 1 ? 'F' : 'P'} ${part}\n`).join('');
}

function scan(text: string, chunkBytes = 1 << 20) {
  const scanner = new LineScanner();
  const bytes = Buffer.from(text);
  const all: Scanned[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) all.push(scanner.push(bytes.subarray(at, at + chunkBytes)));
  const read = all.flatMap(({ events }) => events);
  return {
    scanner,
    read,
    unreadable: all.flatMap(({ unreadable }) => unreadable),
    lines: all.reduce((sum, { looked_at }) => sum + looked_at, 0),
  };
}

const told = ({ read }: ReturnType<typeof scan>) => read.map(({ event, job_id }) => `${event} ${job_id}`);

for (const [name, wrap] of [
  ['docker', docker],
  ['CRI', cri],
] as const) {
  test(`${name}: the parts of a line are joined, whatever the chunks`, () => {
    const json = `TRANSCRIPTION_EVENT ${JSON.stringify({ event: 'JOB_FAILED', job_id: 'a', error: ERROR })}`;
    const text = wrap('JOB_START job_id=a worker_id=w') + wrap(json) + wrap('JOB_START job_id=b worker_id=w');
    for (const chunkBytes of [1 << 20, 20_000, 1000]) {
      const scanned = scan(text, chunkBytes);
      assert.deepEqual(told(scanned), ['JOB_START a', 'JOB_FAILED a', 'JOB_START b']);
      assert.equal(scanned.read[1]!.error, ERROR.slice(0, 4000));
      assert.equal(scanned.read[1]!.timestamp_ms, Date.parse('2026-11-26T19:28:00.123Z'));
      assert.deepEqual(scanned.unreadable, []);
      assert.equal(scanned.lines, text.split('\n').length - 1);
      assert.equal(scanned.scanner.offset, Buffer.byteLength(text));
    }
  });

  test(`${name}: until its last part comes, the position is before the first`, () => {
    const first = wrap('JOB_START job_id=a worker_id=w');
    const text = first + wrap(`JOB_FAILED job_id=a error=${ERROR}`);
    const cut = text.slice(0, text.trimEnd().lastIndexOf('\n') + 1);
    const scanned = scan(cut);
    assert.deepEqual(told(scanned), ['JOB_START a']);
    assert.equal(scanned.scanner.offset, first.length);
    assert.equal(
      scanned.scanner.takeHalf().events[0]!.event,
      'JOB_FAILED',
      'at the end of the input, it is what there is',
    );
  });
}

test('parts may be cut inside a word, with lines of the other stream in between', () => {
  const [first, ...rest] = cri('JOB_FAILED job_id=a error=x', { bytes: 7 }).split('\n');
  const other = cri('JOB_START job_id=b worker_id=w', { stream: 'stdout' });
  assert.deepEqual(told(scan(`${first}\n${other}${rest.join('\n')}`)), ['JOB_START b', 'JOB_FAILED a']);
});

test('a line that is too long in its parts is skipped and reported, and later ones are read', () => {
  const scanned = scan(cri('x'.repeat(LINE_BYTES_MAX + 1)) + cri('JOB_START job_id=a worker_id=w'));
  assert.deepEqual(told(scanned), ['JOB_START a']);
  assert.match(scanned.unreadable[0]!.why, /longer than 2 MiB/);
});

test('a part whose end never comes does not hold back the position for ever', () => {
  const lost = `${TIME} stdout P JOB_FAILED job_id=a error=x\n`;
  const scanned = scan(lost + cri('noise '.repeat(1000)).repeat(1000));
  assert.deepEqual(told(scanned), ['JOB_FAILED a']);
  assert.ok(scanned.scanner.offset > 4_000_000);
});

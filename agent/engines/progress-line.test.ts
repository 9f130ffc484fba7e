import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProgressLine } from './progress-line.ts';

test('a percentage is read in each spelling', () => {
  const spellings: [line: string, percentage: number][] = [
    ['progress 45', 45],
    ['Progress: 45', 45],
    ['whisper_print_progress_callback: progress =  45%', 45],
    ['45%', 45],
    ['  45.5 %', 45.5],
    [' 45%|████▌     | 450/1000 [00:01<00:02]', 45],
    ['Transcribing: 100%', 100],
    ['JOB_PROGRESS percentage=45', 45],
    ['JOB_PROGRESS job_id=job-1 percentage=45 stage=transcribing', 45],
    ['TRANSCRIPTION_EVENT {"event":"JOB_PROGRESS","percentage": 45.5}', 45.5],
  ];
  for (const [line, percentage] of spellings) assert.deepEqual(readProgressLine(line), { percentage }, line);
});

test('pieces done and in all give the percentage too', () => {
  for (const line of ['chunk 3/12', 'Chunk 3 of 12', 'segment: 3/12 done', '[3/12] decoding', 'INFO batch 3/12']) {
    assert.deepEqual(readProgressLine(line), { percentage: 25, current_chunk: 3, total_chunks: 12 }, line);
  }
});

test('spoken text is not progress, nor is an impossible value', () => {
  const lines = [
    'sales rose by 45% last year',
    'we made progress 45 years ago',
    '[00:00.000 --> 00:05.000]  and 20% of them',
    'this is part 2 of 3',
    'progress 145',
    '400%',
    'chunk 13/12',
    'chunk 0/0',
    'progress 45/100',
    '',
  ];
  for (const line of lines) assert.equal(readProgressLine(line), null, line);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lenientState, noStatus, openSpellings, parseStateWords, reasonOf } from './status-words.ts';

test('the usual words for a state are known, in any case and with any separator', () => {
  for (const [state, words] of [
    ['QUEUED', ['QUEUED', 'pending', 'Waiting', 'submitted', 'RETRY']],
    [
      'PROCESSING',
      ['processing', 'running', 'in_progress', 'in-progress', 'In Progress', 'IN_PROGRESS', 'started', 'active'],
    ],
    ['COMPLETED', ['completed', 'complete', 'DONE', 'success', 'SUCCEEDED', 'finished']],
    ['FAILED', ['failed', 'error', 'FAILURE', 'timeout', 'timed_out', 'Timed Out', 'cancelled', 'canceled', 'REVOKED']],
  ] as const) {
    for (const word of words) assert.equal(lenientState(word), state, word);
  }
  for (const word of ['asleep', '', null, undefined, {}, 1, true]) assert.equal(lenientState(word), undefined);
});

test('other words are mapped, and come before the known ones; a word that is not known is shown with how to map it', () => {
  const words = parseStateWords('asleep:queued, gone away:FAILED,3:COMPLETED,active:COMPLETED');
  assert.deepEqual(
    ['ASLEEP', 'gone_away', 3, 'active', 'running'].map((word) => lenientState(word, words)),
    ['QUEUED', 'FAILED', 'COMPLETED', 'COMPLETED', 'PROCESSING'],
  );
  assert.equal(noStatus('lost'), 'its status is "lost", which is not known (?states=lost:FAILED on the URL maps it)');
  for (const text of ['asleep', 'asleep:SLEEPING', ':FAILED']) assert.throws(() => parseStateWords(text), RangeError);
});

test('a failure says more than that, if its word does', () => {
  assert.deepEqual(['Cancelled', 'timeout', 'FAILED', 'error'].map(reasonOf), ['cancelled', 'timeout', null, null]);
});

test('a query finds open jobs by every spelling', () => {
  const spellings = openSpellings(parseStateWords('asleep:QUEUED,active:COMPLETED'));
  for (const word of ['processing', 'in_progress', 'in-progress', 'in progress', 'inprogress', 'asleep']) {
    assert.ok(spellings.includes(word), word);
  }
  for (const word of ['active', 'failed', 'done']) assert.equal(spellings.includes(word), false, word);
});

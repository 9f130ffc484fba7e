/** What a traceparent may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTraceparent, parseTraceparent, TRACEPARENT } from './trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

test('a valid traceparent is read and written', () => {
  const text = `00-${TRACE}-${SPAN}-01`;
  const context = { trace_id: TRACE, span_id: SPAN, sampled: true };
  assert.deepEqual(parseTraceparent(text), context);
  assert.equal(formatTraceparent(context), text);
  assert.match(text, new RegExp(TRACEPARENT));
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.sampled, false);
});

test('a later version is read as far as it is known', () => {
  assert.equal(parseTraceparent(`01-${TRACE}-${SPAN}-01-what-the-future-brings`)?.trace_id, TRACE);
});

test('anything else is no context', () => {
  for (const text of [
    '',
    undefined,
    'traceparent',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}`,
  ]) {
    assert.equal(parseTraceparent(text), null, String(text));
    assert.doesNotMatch(text ?? '', new RegExp(TRACEPARENT));
  }
});

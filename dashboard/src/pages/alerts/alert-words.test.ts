/** What is said of alerts and rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListedAlert } from '../../../../sdk/typescript/index.ts';
import { byUrgency, conditionOf, lanesOf, type Rule, suppressionWords } from './alert-words.ts';

const alert = (id: string, changes: object = {}): ListedAlert =>
  ({
    id,
    severity: 'WARNING',
    status: 'firing',
    suppressed: null,
    acknowledged: null,
    created_at: '2026-11-27T10:00:00Z',
    ...changes,
  }) as unknown as ListedAlert;

test('alerts that notify somebody come first, then the more severe, then the newer; pending ones last', () => {
  const alerts = [
    alert('pending', { status: 'pending', severity: 'CRITICAL' }),
    alert('silenced', { severity: 'CRITICAL', suppressed: { by: 'silence', id: 'silence-1' } }),
    alert('old'),
    alert('new', { created_at: '2026-11-27T11:00:00Z' }),
    alert('critical', { severity: 'CRITICAL' }),
  ];
  assert.deepEqual(
    byUrgency(alerts).map(({ id }) => id),
    ['critical', 'new', 'old', 'silenced', 'pending'],
  );
});

test('an alert says why it notifies nobody', () => {
  assert.equal(suppressionWords(alert('a')), null);
  assert.equal(suppressionWords(alert('a', { suppressed: { by: 'mute', id: 'nights' } })), 'muted: nights');
  assert.equal(
    suppressionWords(alert('a', { acknowledged: { by: 'Mara' }, suppressed: { by: 'acknowledged', id: 'Mara' } })),
    'acknowledged by Mara',
  );
});

test('a condition has its threshold in the unit of its signal', () => {
  const rule = { signal: 'x', condition: 'at_least', threshold: 1800, unit: 'seconds', for_seconds: 300 } as Rule;
  assert.equal(conditionOf(rule), 'x ≥ 30 m for 5 m');
  assert.equal(conditionOf({ ...rule, threshold: 0.2, unit: 'share', for_seconds: 0 }), 'x ≥ 20 %');
  assert.equal(conditionOf({ ...rule, condition: 'absent', threshold: null, for_seconds: 0 }), 'x absent');
});

test('firings are spans on the time axis, which end with it if they still fire', () => {
  const firing = { rule: 'gpu_idle', message: 'idle', fired_at: '2026-11-27T06:00:00Z', resolved_at: null };
  const [lane] = lanesOf(
    [
      { ...firing, resolved_at: '2026-11-27T09:00:00Z' },
      { ...firing, fired_at: '2026-11-26T00:00:00Z' },
    ],
    '2026-11-27T00:00:00Z',
    '2026-11-27T12:00:00Z',
  );
  assert.deepEqual(
    lane?.spans.map(({ from, width, open }) => [from, width, open]),
    [
      [50, 25, false],
      [0, 100, true],
    ],
  );
});

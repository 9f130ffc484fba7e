/** docs/security-asvs.md judges every requirement of levels 1 and 2 once, and what it names exists. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/security-asvs.md'), 'utf8');
const VERDICTS = ['met', 'depends', 'n/a', 'not met'];

/** How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has; they are its first ones. */
const SECTIONS: Readonly<Record<string, number>> = {
  ...{ '1.1': 2, '1.2': 9, '1.3': 11, '1.4': 3, '1.5': 2, '2.1': 3, '2.2': 3, '2.3': 4, '2.4': 1 },
  ...{ '3.2': 2, '3.3': 4, '3.4': 6, '3.5': 5, '3.7': 2, '4.1': 3, '4.2': 1, '4.3': 2, '4.4': 4 },
  ...{ '5.1': 1, '5.2': 3, '5.3': 2, '5.4': 3, '6.1': 3, '6.2': 12, '6.3': 4, '6.4': 4, '6.5': 5, '6.6': 3, '6.8': 4 },
  ...{ '7.1': 3, '7.2': 4, '7.3': 2, '7.4': 5, '7.5': 2, '7.6': 2, '8.1': 2, '8.2': 3, '8.3': 1, '8.4': 1 },
  ...{ '9.1': 3, '9.2': 4, '10.1': 2, '10.2': 2, '10.3': 4, '10.4': 11, '10.5': 5, '10.6': 2, '10.7': 3 },
  ...{ '11.1': 2, '11.2': 3, '11.3': 3, '11.4': 4, '11.5': 1, '11.6': 1, '12.1': 3, '12.2': 2, '12.3': 4 },
  ...{ '13.1': 1, '13.2': 5, '13.3': 2, '13.4': 5, '14.1': 2, '14.2': 4, '14.3': 3, '15.1': 3, '15.2': 3, '15.3': 7 },
  ...{ '16.1': 1, '16.2': 5, '16.3': 4, '16.4': 3, '16.5': 3, '17.1': 1, '17.2': 4, '17.3': 2 },
};

/** `6.1.2, 6.2.1 to 6.2.3`: each id. */
function idsOf(text: string): string[] {
  return text.split(', ').flatMap((part) => {
    const [first = '', last = first] = part.split(' to ');
    const section = first.slice(0, first.lastIndexOf('.'));
    assert.ok(last.startsWith(`${section}.`), part);
    const [from, to] = [first, last].map((id) => Number(id.split('.')[2]));
    return Array.from({ length: to! - from! + 1 }, (_, index) => `${section}.${from! + index}`);
  });
}

const rows = [...PAGE.matchAll(/^\| (\d[\d., to]*) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
  ([, ids = '', , verdict = '', evidence = '']) => ({ ids: idsOf(ids), verdict, evidence }),
);

test('every requirement is judged once, and the sums are right', () => {
  const expected = Object.entries(SECTIONS).flatMap(([section, count]) => idsOf(`${section}.1 to ${section}.${count}`));
  assert.deepEqual(rows.flatMap(({ ids }) => ids).sort(), expected.sort());
  const sums = VERDICTS.map((verdict) => {
    const count = rows.filter((row) => row.verdict === verdict).reduce((sum, { ids }) => sum + ids.length, 0);
    return `${count} ${verdict}`;
  });
  const line = `Of ${expected.length} requirements: ${sums.join(', ')}.`;
  assert.ok(PAGE.includes(line), line);
});

test('every file that the page names exists, and whatever is met names one', () => {
  const missing = [...PAGE.matchAll(/`([\w.-]+(?:\/[\w.-]+)+\.\w+|[\w-]+\.(?:json|md))`/g)]
    .map(([, path = '']) => path)
    .filter((path) => !existsSync(join(ROOT, path)));
  assert.deepEqual(missing, []);
  const bare = rows.filter(({ verdict, evidence }) => verdict === 'met' && !/`[^`]+\.\w+`/.test(evidence));
  assert.deepEqual(
    bare.map(({ ids }) => ids[0]),
    ['11.1.2'],
  );
});

/** [S6] The short form of `node test/security/secrets-main.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookForSecrets, secretsIn } from './secrets.ts';

test('[S6] no secret of keys, sessions, tickets, tokens and links is left in store, log, errors or memory', async (t) => {
  const { found, ...looked } = await lookForSecrets(t, 6);
  assert.deepEqual(found, []);
  assert.ok(looked.heap_bytes > 1e7 && looked.objects > 50 && looked.secrets === 43, JSON.stringify(looked));
});

test('a secret is found alone, in a key, and within other characters', () => {
  const secret = '0123456789abcdefghijKLMNOPQ';
  const known = new Set([secret]);
  for (const text of [secret, `"tmk_aaaaaaaaaaa_${secret}abcdef"`, `x${secret}yz`, `a=${secret}&b`]) {
    assert.deepEqual([...secretsIn(text, known)], [secret], text);
  }
  assert.deepEqual([...secretsIn(secret.slice(1), known)], []);
});

/** Checks that docs/feed.md documents everything in the schemas. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FEED_CLOSE, FEED_REQUESTS, FEED_RESOURCES, FeedFilter } from './feed.ts';
import { FEED_MESSAGES, FeedError } from './feed-messages.ts';

const page = readFileSync(new URL('../docs/feed.md', import.meta.url), 'utf8');
const inCode = new Set([...page.matchAll(/`([^`\n]+)`/g)].flatMap(([, words]) => words!.match(/[a-z_0-9-]+/gi) ?? []));

type Schema = {
  $id?: string;
  const?: unknown;
  enum?: string[];
  properties?: Record<string, Schema>;
  allOf?: Schema[];
};

/** A schema's own properties; those taken over from REST are documented there. */
const propertiesOf = (schema: Schema): Record<string, Schema> =>
  schema.properties ?? Object.assign({}, ...(schema.allOf ?? []).map((part) => part.properties ?? {}));

test('every field of every message is documented in docs/feed.md', () => {
  for (const schema of [...FEED_REQUESTS, ...FEED_MESSAGES, FeedFilter] as Schema[]) {
    const names = Object.keys(propertiesOf(schema));
    assert.ok(names.length > 0, `${schema.$id} has no fields`);
    for (const name of names) assert.ok(inCode.has(name), `${schema.$id}: ${name}`);
  }
});

test('every action, resource, type and error code is documented in docs/feed.md', () => {
  const words = [...FEED_RESOURCES] as string[];
  for (const schema of [...FEED_REQUESTS, ...FEED_MESSAGES] as Schema[]) {
    for (const name of ['type', 'action', 'resource']) {
      const { const: only, enum: several = [] } = propertiesOf(schema)[name] ?? {};
      words.push(...several, ...(typeof only === 'string' ? [only] : []));
    }
  }
  words.push(...((FeedError.properties.code as Schema).enum ?? []));
  for (const word of words) assert.ok(inCode.has(word), word);
});

test('every close code is documented in docs/feed.md', () => {
  for (const [name, code] of Object.entries(FEED_CLOSE))
    assert.match(page, new RegExp(`^\\| (\\d+, )*${code}\\b`, 'm'), name);
});

/** Validates values against the schemas of the protocol with an independent JSON Schema validator. */
import assert from 'node:assert/strict';
import Ajv from 'ajv';
import type { TSchema } from 'typebox';
import { Job } from '../../protocol/job.ts';
import { MetricsPeriod } from '../../protocol/system.ts';
import { parseTime } from '../../protocol/time.ts';

const ajv = new Ajv.default({ strict: false, allErrors: true });
ajv.addFormat('date-time', (text: string) => !Number.isNaN(parseTime(text)));
for (const referenced of [Job, MetricsPeriod]) ajv.addSchema(referenced);

/** Throws if the value breaks the schema, or has a field that the schema does not define. */
export function assertValid(schema: TSchema, value: unknown): void {
  const { $id } = schema as { $id?: string };
  const validate = ($id && ajv.getSchema($id)) || ajv.compile(schema);
  const valid = validate(JSON.parse(JSON.stringify(value)));
  assert.ok(valid, `${$id}: ${JSON.stringify(validate.errors)} of ${JSON.stringify(value)}`);
  const { properties } = schema as { properties?: Record<string, unknown> };
  if (!properties) return;
  const unknown = Object.keys(value as object).filter((name) => !(name in properties));
  assert.deepEqual(unknown, [], `fields that ${$id} does not define`);
}

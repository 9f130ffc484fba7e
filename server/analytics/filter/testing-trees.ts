/** Random filters that are well typed, and random jobs for them. */
import type { Operator, Syntax } from './syntax.ts';
import type { Chance } from './testing-chance.ts';
import { type JobRow, NOW_MS } from './testing-jobs.ts';

const NUMBER_FIELDS = [
  'processing_time',
  'processing_time_seconds',
  'cost',
  'attempts',
  'file_size',
  'worker.gpu_usage',
  'duration',
];
const TEXT_FIELDS = ['state', 'worker', 'worker.worker_id', 'error', 'input.s3_path', 'model'];
const TIME_FIELDS = ['created_at', 'started_at', 'completed_at'];
const AGGREGATES = ['avg', 'sum', 'min', 'max', 'median', 'p50', 'p90', 'p95', 'p99', 'count'];
const METADATA = [
  ['metadata', 'customer'],
  ['metadata', 'customer id'],
  ['metadata', 'deep', 'a/b~c'],
];
const TEXTS = [
  'COMPLETED',
  'failed',
  'a',
  'ab',
  'A',
  '',
  "it's",
  '100%',
  'a_b',
  'a\\b',
  'a\nb',
  'größe',
  '🎧 x',
  'x;--',
  '"q"',
  '7',
  '$1',
];
const PATTERNS = [
  '%',
  'a%',
  '%b',
  '_b',
  '%a%b%',
  'a\\_b',
  '100\\%',
  '%\\\\b',
  '',
  'A_',
  '%🎧_x',
  'a.*',
  'a.b',
  '(%',
  'IT%',
  '%\n%',
];
const TAGS = ['exp', 'exp-1', 'night', '', 'a%', 'Ü'];
const NUMBERS = [0, 1, 2, 3, 0.5, 120, 3600, 86400, 2048, 100000000, 50];
const TIMES = ['2026-01-31', '2026-01-30T12:00:00Z', '2026-01-31 13:30:00.5+02:00', '2026-01-29T23:59:59.250-0500'];

const field = (...path: string[]): Syntax => ({ kind: 'field', path, at: 0 });
const named = (name: string): Syntax => field(...name.split('.'));
const text = (value: string): Syntax => ({ kind: 'text', value, at: 0 });
const number = (value: number): Syntax => ({ kind: 'number', value, at: 0 });
const call = (name: string, ...operands: Syntax[]): Syntax => ({ kind: 'call', name, operands, at: 0 });
const operation = (operator: Operator, ...operands: Syntax[]): Syntax => ({
  kind: 'operation',
  operator,
  operands,
  at: 0,
});

/** Deeper than 0 it may contain operations; without aggregates if it is the operand of one. */
export class RandomTrees {
  readonly #chance: Chance;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  condition(depth: number): Syntax {
    if (depth <= 0) return this.test(0);
    return this.#chance.of([
      () => operation('and', ...this.conditions(depth)),
      () => operation('or', ...this.conditions(depth)),
      () => operation('not', this.condition(depth - 1)),
      () => operation(this.#chance.of(['=', '!=']), this.condition(depth - 1), this.condition(depth - 1)),
      () => operation('is null', this.condition(depth - 1)),
      () => ({ kind: 'boolean', value: this.#chance.happens(0.5), at: 0 }) as Syntax,
      ...Array.from({ length: 4 }, () => () => this.test(depth)),
    ])();
  }

  private conditions(depth: number): Syntax[] {
    return this.#chance.some(2, 4, () => this.condition(depth - 1));
  }

  private test(depth: number): Syntax {
    const chance = this.#chance;
    return chance.of([
      () => operation(this.comparison(), this.number(depth), this.number(depth)),
      () => operation(this.comparison(), this.number(depth), this.number(depth)),
      () => operation(this.comparison(), this.text(depth), this.textOrLiteral(depth)),
      () => operation(this.comparison(), this.time(depth), this.timeOrLiteral(depth)),
      () => operation('in', this.number(depth), ...chance.some(1, 4, () => this.number(depth - 1))),
      () => operation('in', this.text(depth), ...chance.some(1, 4, () => this.textOrLiteral(depth - 1))),
      () => operation('in', this.time(depth), ...chance.some(1, 3, () => this.timeOrLiteral(depth - 1))),
      () => operation('between', this.number(depth), this.number(depth - 1), this.number(depth - 1)),
      () => operation('between', this.text(depth), this.textOrLiteral(depth), this.textOrLiteral(depth)),
      () => operation('between', this.time(depth), this.timeOrLiteral(depth), this.timeOrLiteral(depth)),
      () => operation(chance.of(['like', 'ilike']), this.text(depth), text(chance.of(PATTERNS))),
      () => operation('contains', this.text(depth), this.textOrLiteral(depth)),
      () => operation('is null', this.anything(depth)),
      () => this.tagTest(depth),
    ])();
  }

  private tagTest(depth: number): Syntax {
    const chance = this.#chance;
    const tags = field(chance.of(['tags', 'tag']));
    const tag = (): Syntax => (chance.happens(0.8) ? text(chance.of(TAGS)) : this.text(depth - 1));
    return chance.of([
      () => operation(chance.of(['=', '!=']), tags, tag()),
      () => operation('contains', tags, tag()),
      () => operation('in', tags, ...chance.some(1, 3, tag)),
      () => operation(chance.of(['like', 'ilike']), tags, text(chance.of(['exp%', '%1', '_', 'ü', 'a\\%', 'EXP']))),
    ])();
  }

  private anything(depth: number): Syntax {
    return this.#chance.of([
      () => this.number(depth),
      () => this.text(depth),
      () => this.time(depth),
      () => field('tags'),
    ])();
  }

  private comparison(): Operator {
    return this.#chance.of(['=', '!=', '<', '<=', '>', '>=']);
  }

  private number(depth: number, aggregates = true): Syntax {
    const chance = this.#chance;
    if (depth <= 0) return chance.happens(0.5) ? number(chance.of(NUMBERS)) : named(chance.of(NUMBER_FIELDS));
    const inner = (): Syntax => this.number(depth - 1, aggregates);
    return chance.of([
      () => named(chance.of(NUMBER_FIELDS)),
      () => operation(chance.of(['+', '-', '*', '/', '%']), inner(), inner()),
      () => operation(chance.of(['+', '-', '*', '/', '%']), inner(), inner()),
      () => operation('negate', inner()),
      () => call('abs', inner()),
      () => call('coalesce', ...chance.some(1, 3, inner)),
      () => call('length', chance.happens(0.3) ? field('tags') : this.text(depth - 1)),
      () => call('number', field('metadata', 'customer')),
      () => operation('-', this.time(depth - 1), this.timeOrLiteral(depth - 1)),
      () => (aggregates ? this.aggregate(depth) : inner()),
    ])();
  }

  private aggregate(depth: number): Syntax {
    const chance = this.#chance;
    return chance.of([
      () => named(`${chance.of(AGGREGATES)}_${chance.of(NUMBER_FIELDS)}`),
      () => call(chance.of(AGGREGATES), this.number(depth - 1, false)),
      () => call('count', named(chance.of(TEXT_FIELDS))),
      () => chance.of([call('count'), field('count')]),
    ])();
  }

  private text(depth: number): Syntax {
    const chance = this.#chance;
    if (depth <= 0) return named(chance.of(TEXT_FIELDS));
    return chance.of([
      () => named(chance.of(TEXT_FIELDS)),
      () => field(...chance.of(METADATA)),
      () => call('lower', this.text(depth - 1)),
      () => call('coalesce', this.text(depth - 1), this.textOrLiteral(depth - 1)),
    ])();
  }

  private textOrLiteral(depth: number): Syntax {
    return this.#chance.happens(0.6) ? text(this.#chance.of(TEXTS)) : this.text(depth);
  }

  private time(depth: number): Syntax {
    const chance = this.#chance;
    if (depth <= 0) return named(chance.of(TIME_FIELDS));
    return chance.of([
      () => named(chance.of(TIME_FIELDS)),
      () => call('now'),
      () => operation(chance.of(['+', '-']), this.time(depth - 1), number(chance.of(NUMBERS))),
      () => operation('+', number(chance.of(NUMBERS)), this.time(depth - 1)),
      () => call('coalesce', this.time(depth - 1), this.time(depth - 1)),
      () => call(chance.of(['min', 'max']), named(chance.of(TIME_FIELDS))),
    ])();
  }

  private timeOrLiteral(depth: number): Syntax {
    return this.#chance.happens(0.5) ? text(this.#chance.of(TIMES)) : this.time(depth);
  }
}

/** About a fifth of all values is null. */
export function randomJob(index: number, chance: Chance): JobRow {
  const or = <T>(value: T): T | null => (chance.happens(0.2) ? null : value);
  const time = (): number => (NOW_MS - chance.below(8) * 6 * 3_600_000) * 1000 + chance.of([0, 500_000, 1]);
  return {
    job_id: `job-${index}`,
    state: or(chance.of(['COMPLETED', 'FAILED', 'failed'])),
    worker_id: or(chance.of(TEXTS)),
    error_message: or(chance.of(TEXTS)),
    audio_url: or(chance.of(TEXTS)),
    model: or(chance.of(TEXTS)),
    created_at: time(),
    started_at: or(time()),
    completed_at: or(time()),
    processing_time_seconds: or(chance.of([0, 1, 0.5, 120, 3600, 17.25])),
    duration_seconds: or(chance.below(8)),
    cost_usd: or(chance.of([0, 0.25, 1.5, 3])),
    attempt: or(chance.below(4)),
    file_size_bytes: or(chance.of([0, 2048, 100000000, 2 ** 40])),
    gpu_usage: or(chance.of([0, 50, 99.5])),
    tags: or(chance.some(0, 3, () => chance.of(TAGS))),
    metadata: or(randomMetadata(chance)),
  };
}

const randomMetadata = (chance: Chance): string =>
  chance.of([
    '{}',
    '{broken',
    JSON.stringify({
      customer: chance.of(['7', 7, -2.5, 'a', null, true, '']),
      'customer id': chance.of(TEXTS),
      deep: { 'a/b~c': chance.of(TEXTS) },
    }),
  ]);

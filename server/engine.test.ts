import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AppliedSegment, Engine, Refused } from './engine.ts';
import type { JournalError } from './journal/errors.ts';
import type { JournalOptions } from './journal/journal.ts';
import { FailingStore, newClock } from './journal/testing.ts';
import type { Command, CommandBody } from './state-machine/decide/commands.ts';
import type { Policy } from './state-machine/decide/policy.ts';
import { snapshotRows } from './state-machine/state/snapshot.ts';
import { POLICY } from './state-machine/testing.ts';
import { settled, type TurnedClock } from './testing-clock.ts';

let names = 0;
const command = (body: CommandBody, id = `c${++names}`): Command => ({ id, fingerprint: 'f', actor: 'test', body });
const submit = (job_id: string) => command({ type: 'submit_jobs', jobs: [{ job_id, audio_url: 's3://audio/a.mp3' }] });
const register = (worker_id: string) =>
  command({ type: 'register_worker', worker_id, registration: { capabilities: { model: 'base' } } });
const claim = (worker_id: string, secret = 's') => command({ type: 'claim_jobs', worker_id, max_jobs: 1, secret });
const beat = (worker_id: string, cpu_usage: number) =>
  command({ type: 'beat', worker_id, health: { cpu_usage }, leases: [] }, `~beat${++names}`);

function open(
  store: FailingStore,
  clock: TurnedClock,
  options: Partial<JournalOptions & { policy: Policy }> = {},
): Promise<Engine> {
  return Engine.open({
    store,
    clock,
    random: { float: () => 0.5 },
    instance: 'a',
    url: '',
    newId: () => `batch-${++names}`,
    soft_linger_ms: 20,
    outcome_unknown_ms: 10_000,
    retention_ms: 86_400_000,
    snapshot_segments: 1_000,
    snapshot_bytes: 1e9,
    snapshot_ms: 1e9,
    tail_poll_ms: null,
    log: () => {},
    policy: POLICY,
    ...options,
  });
}

async function alone(options = {}): Promise<{ engine: Engine; store: FailingStore; clock: TurnedClock }> {
  const clock = newClock();
  const store = new FailingStore(clock);
  return { engine: await open(store, clock, options), store, clock };
}

async function pair(): Promise<{ a: Engine; b: Engine; store: FailingStore; clock: TurnedClock }> {
  const clock = newClock();
  const store = new FailingStore(clock);
  const a = await open(store, clock, { tail_poll_ms: 200, instance: 'a' });
  const b = await open(store, clock, { tail_poll_ms: 200, instance: 'b' });
  return { a, b, store, clock };
}

const rows = ({ state }: Engine) => [...snapshotRows(state)];

describe('a command', () => {
  test('[A48] [A49] resolves once its events are in the journal and in the state', async () => {
    const { engine } = await alone();
    const { seq, refs, replayed } = await engine.submit(submit('job-1'));
    assert.deepEqual(
      [seq, refs, replayed],
      [
        1,
        [
          ['JobSubmitted', 'job-1'],
          ['JobQueued', 'job-1'],
        ],
        false,
      ],
    );
    const job = engine.state.job('job-1');
    assert.deepEqual([job?.state, job?.version], ['QUEUED', 1]);
  });

  test('[A50] [A51] changes the state, the time and the history of its subject', async () => {
    const { engine, clock } = await alone();
    await engine.submit(submit('job-1'));
    const submitted_ms = engine.state.job('job-1')!.updated_ms;
    await clock.turn(5_000);
    await engine.submit(register('worker-1'));
    await engine.submit(claim('worker-1'));
    const job = engine.state.job('job-1')!;
    assert.equal(job.updated_ms, submitted_ms + 5_000);
    assert.deepEqual(
      job.history.map(({ state }) => state),
      ['SUBMITTED', 'QUEUED', 'PROCESSING'],
    );
  });

  test('sent again has the same outcome, even after a crash or at another instance', async () => {
    const { a, b, store, clock } = await pair();
    const first = submit('job-1');
    const { refs } = await a.submit(first);
    assert.deepEqual(await b.submit(first), { seq: 1, refs, replayed: true });
    a.abandon();
    b.abandon();
    const again = await open(store, clock);
    assert.deepEqual(await again.submit(first), { seq: 1, refs, replayed: true });
  });

  test('sent twice at once takes effect once', async () => {
    const { engine } = await alone();
    const twice = submit('job-1');
    const [one, other] = await Promise.all([engine.submit(twice), engine.submit(twice)]);
    assert.deepEqual([one.replayed, other.replayed], [false, true]);
    assert.deepEqual(one.refs, other.refs);
    assert.equal(engine.state.seq, 1);
  });

  test('that is refused rejects with the reason, and writes nothing', async () => {
    const { engine } = await alone();
    await assert.rejects(engine.submit(command({ type: 'cancel_job', job_id: 'job-9' })), (error) => {
      assert.ok(error instanceof Refused);
      assert.deepEqual([error.refusal.kind, error.refusal.code], ['not_found', 'job_not_found']);
      return true;
    });
    assert.equal(engine.state.seq, 0);
  });

  test('whose decision throws is refused alone: the others of its batch take effect', async () => {
    const { engine } = await alone();
    const broken = command({ type: 'submit_jobs', jobs: null } as unknown as CommandBody);
    const answers = await Promise.allSettled([engine.submit(submit('job-1')), engine.submit(broken)]);
    assert.equal(answers[0]?.status, 'fulfilled');
    const { reason } = answers[1] as PromiseRejectedResult;
    assert.deepEqual(
      [(reason as Refused).refusal.kind, (reason as Refused).refusal.code],
      ['internal', 'decision_failed'],
    );
    assert.equal((await engine.submit(submit('job-2'))).seq, 2);
  });

  test('rejects with outcome_unknown if the store never responds', async () => {
    const { engine, store, clock } = await alone();
    store.fate = () => 'unavailable';
    const kind = engine.submit(submit('job-1')).catch((error: JournalError) => error.kind);
    await clock.turn(13_000);
    assert.equal(await kind, 'outcome_unknown');
  });

  test('is not written after a suspension: its caller may have repeated it elsewhere, and that may be forgotten', async () => {
    const { engine, clock } = await alone();
    await engine.submit(submit('job-1'));
    const late = assert.rejects(engine.submit(submit('job-2')), { kind: 'outcome_unknown', message: /suspended/ });
    clock.leap(61_000);
    await clock.turn(0);
    await late;
    assert.equal(engine.state.job('job-2'), undefined);
    assert.equal((await engine.submit(submit('job-3'))).seq, 2);
  });
});

test('of soft commands with the same key the last counts, and it is in the journal after the linger', async () => {
  const { engine, clock, store } = await alone();
  await engine.submit(register('worker-1'));
  for (const cpu of [10, 20, 30]) engine.submitSoft(beat('worker-1', cpu));
  assert.equal(engine.state.worker('worker-1')?.health.cpu_usage, undefined);
  await clock.turn(20);
  assert.equal(engine.state.worker('worker-1')?.health.cpu_usage, 30);
  assert.equal(engine.state.seq, 2);
  const again = await open(store, clock);
  assert.deepEqual(rows(again), rows(engine));
  assert.throws(() => engine.submitSoft(submit('job-1')), /submit_jobs is durable/);
});

describe('subscribers', () => {
  test('receive every segment after it was applied, in order, with its events', async () => {
    const { engine } = await alone();
    const received: [number, string[], boolean][] = [];
    const end = engine.subscribe((segment: AppliedSegment | null) => {
      const types = segment?.events.map(({ type }) => type) ?? [];
      received.push([segment?.seq ?? 0, types, engine.state.seq === segment?.seq]);
    });
    await engine.submit(submit('job-1'));
    await engine.submit(register('worker-1'));
    end();
    await engine.submit(submit('job-2'));
    assert.deepEqual(received, [
      [1, ['JobSubmitted', 'JobQueued'], true],
      [2, ['WorkerRegistered'], true],
    ]);
  });

  test('of another instance receive the same, and each knows its own', async () => {
    const { a, b } = await pair();
    const received: AppliedSegment[][] = [[], []];
    for (const [i, engine] of [a, b].entries()) engine.subscribe((segment) => segment && received[i]!.push(segment));
    await Promise.all([a.submit(submit('job-1')), b.submit(submit('job-2')), a.submit(register('worker-1'))]);
    await Promise.all([a.journal.catchUp(), b.journal.catchUp()]);
    const [ofA = [], ofB = []] = received;
    const shared = (segments: AppliedSegment[]) => segments.map(({ own: _, ...segment }) => segment);
    assert.deepEqual(shared(ofA), shared(ofB));
    assert.ok(ofA.length >= 2);
    assert.deepEqual(
      ofA.map(({ own }) => own),
      ofB.map(({ own }) => !own),
    );
    assert.deepEqual(rows(a), rows(b));
  });
});

test('reached waits for a segment, up to the given time', async () => {
  const { a, b, clock } = await pair();
  await a.submit(submit('job-1'));
  assert.equal(await b.reached(1, 1_000), true);
  assert.equal(await b.reached(1, 0), true);
  const never = b.reached(2, 1_000);
  await clock.turn(1_000);
  assert.equal(await never, false);
});

test('two racing instances hand a job to one worker', async () => {
  const { a, b } = await pair();
  await a.submit(register('worker-1'));
  await b.submit(register('worker-2'));
  for (let i = 0; i < 20; i++) {
    await a.submit(submit(`job-${i}`));
    await b.journal.catchUp();
    const claims = [a.submit(claim('worker-1', 'one')), b.submit(claim('worker-2', 'two'))];
    const leases = (await Promise.all(claims)).flatMap(({ refs }) => refs);
    assert.equal(leases.length, 1);
  }
  await Promise.all([a.journal.catchUp(), b.journal.catchUp()]);
  assert.deepEqual(rows(a), rows(b));
});

test('the author of a segment has the same fold as its readers, even if a command has undefined fields', async () => {
  const { a, b } = await pair();
  const odd = { model: undefined, device: 'cuda' } as unknown as { device: string };
  await a.submit(register('worker-1'));
  await a.submit(command({ type: 'register_worker', worker_id: 'worker-1', registration: { capabilities: odd } }));
  await b.journal.catchUp();
  assert.deepEqual(a.state.worker('worker-1')?.capabilities, { model: 'base', device: 'cuda' });
  assert.deepEqual(rows(a), rows(b));
});

test('the author of a segment has the same fold as its readers, even for numbers that are not JSON', async () => {
  for (const percentage of [-0, Number.NaN, Number.POSITIVE_INFINITY]) {
    const { a, b } = await pair();
    await a.submit(register('worker-1'));
    await a.submit(submit('job-1'));
    const { refs } = await a.submit(claim('worker-1'));
    const lease_token = refs[0]![2]!;
    await a.submit(command({ type: 'report_progress', job_id: 'job-1', report: { lease_token, percentage } }));
    await b.journal.catchUp();
    const [mine, read] = [a, b].map(({ state }) => state.job('job-1')?.progress);
    assert.deepStrictEqual(mine, read);
    assert.ok(Object.is(mine?.percentage, read?.percentage));
  }
});

test('a segment holds as many commands as fit, counted in bytes', async () => {
  const { engine } = await alone();
  for (const [character, bytes] of [
    ['a', 1],
    ['é', 2],
    ['語', 3],
  ] as const) {
    const before = engine.state.seq;
    const audio_url = character.repeat(1_300_000 / bytes);
    // The first is written alone; the others wait, and three of them fit in a segment.
    const jobs = Array.from({ length: 7 }, (_, i) => ({ job_id: `job-${bytes}-${i}`, audio_url }));
    const done = jobs.map((job) => engine.submit(command({ type: 'submit_jobs', jobs: [job] })));
    const seqs = (await Promise.all(done)).map(({ seq }) => seq - before);
    assert.deepEqual([...new Set(seqs)], [1, 2, 3]);
    assert.ok(seqs.every((seq) => seqs.filter((other) => other === seq).length <= 3));
  }
});

test('a subscriber that throws neither undoes a commit nor hides it from the caller', async () => {
  const logged: string[] = [];
  const { engine } = await alone({ log: (_: string, message: string) => logged.push(message) });
  engine.subscribe(() => {
    throw new Error('a bug in the subscriber');
  });
  assert.equal((await engine.submit(submit('job-1'))).seq, 1);
  assert.equal((await engine.submit(submit('job-2'))).seq, 2);
  assert.equal(engine.journal.status.writable, true);
  assert.match(logged.join('\n'), /a bug in the subscriber/);
});

test('a crashed engine settles no command, and its successor has every acknowledged one', async () => {
  const { engine, store, clock } = await alone();
  await engine.submit(submit('job-1'));
  let answered = false;
  void engine.submit(submit('job-2')).then(() => {
    answered = true;
  });
  engine.abandon();
  await settled();
  assert.equal(answered, false);
  const next = await open(store, clock);
  assert.equal(next.state.job('job-1')?.state, 'QUEUED');
  await next.stop();
  await assert.rejects(next.submit(submit('job-3')), (error: JournalError) => error.kind === 'stopped');
});

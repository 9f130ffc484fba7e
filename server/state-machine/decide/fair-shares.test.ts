/** Which tenant's job is handed out next. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomOf } from '../../../test/random.ts';
import { judge } from '../../verdicts/judge.ts';
import { NO_LIMITS } from '../state/limits.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { type Lease, Monitor } from '../testing.ts';

class Shared extends Monitor {
  #jobs = 0;

  constructor() {
    super();
    this.register('w');
  }

  /** Submits so many jobs of a tenant. */
  enqueue(tenant: string, count = 1, more: { priority?: 'high' | 'low'; submitted_by?: string } = {}): string[] {
    const { submitted_by, ...rest } = more;
    const jobs = Array.from({ length: count }, () => {
      this.#jobs += 1;
      const job = { job_id: `${tenant}-${this.#jobs}`, audio_url: 's3://a/b.wav', ...rest };
      return tenant === 'default' ? job : { ...job, tenant };
    });
    this.run({ type: 'submit_jobs', jobs, ...(submitted_by ? { submitted_by } : {}) });
    return jobs.map(({ job_id }) => job_id);
  }

  set(tenant: string, { weight = 1, max_running = null as number | null }): void {
    this.run({ type: 'set_tenant', tenant, weight, limits: { ...NO_LIMITS, max_running }, by: 'test' });
  }

  pause(tenant: string): void {
    this.run({ type: 'pause_tenant', tenant, by: 'test' });
  }

  resume(tenant: string): void {
    this.run({ type: 'resume_tenant', tenant, by: 'test' });
  }

  /** Hands out the next jobs, one claim each; returns their tenants. */
  served(count: number, worker = 'w'): string[] {
    return Array.from({ length: count }, () => {
      const [lease] = this.claim(worker);
      return lease ? tenantIn(lease) : 'none';
    });
  }
}

const tenantIn = ({ job_id }: Pick<Lease, 'job_id'>): string => job_id.split('-')[0]!;
const countOf = (tenants: readonly string[], tenant: string): number => tenants.filter((one) => one === tenant).length;

describe('inside a class', () => {
  test('a tenant with a few jobs is served in turn with one that has very many', () => {
    const shared = new Shared();
    shared.enqueue('many', 1_000);
    shared.enqueue('few', 5);
    const order = shared.served(10);
    assert.deepEqual([countOf(order, 'few'), countOf(order, 'many')], [5, 5]);
  });

  test('tenants are served by their weights', () => {
    const shared = new Shared();
    shared.set('heavy', { weight: 3 });
    shared.enqueue('light', 100);
    shared.enqueue('heavy', 100);
    const order = shared.served(40);
    assert.deepEqual([countOf(order, 'heavy'), countOf(order, 'light')], [30, 10]);
  });

  test('who was idle has saved up nothing, and who was served alone owes nothing', () => {
    const shared = new Shared();
    shared.enqueue('early', 1);
    shared.enqueue('steady', 200);
    shared.served(101);
    shared.enqueue('early', 50);
    const order = shared.served(20);
    assert.ok(Math.abs(countOf(order, 'early') - countOf(order, 'steady')) <= 2, order.join());
  });

  test('the jobs of a tenant begin in the order of entry, and a retry returns to its place', () => {
    const shared = new Shared();
    const ids = shared.enqueue('acme', 3);
    shared.enqueue('other', 3);
    const [first] = shared.claim('w', 1);
    assert.equal(first!.job_id, ids[0]);
    shared.run({ type: 'restart_worker', worker_id: 'w' });
    shared.register('w');
    const order = shared.claim('w', 6).map(({ job_id }) => job_id);
    assert.deepEqual(
      order.filter((id) => id.startsWith('acme')),
      ids,
    );
  });

  test('a class goes before another whatever its tenants', () => {
    const shared = new Shared();
    shared.enqueue('acme', 2);
    shared.enqueue('other', 2, { priority: 'high' });
    assert.deepEqual(shared.served(2), ['other', 'other']);
  });

  test('one claim of many jobs hands out what as many claims would', () => {
    const [one, many] = [new Shared(), new Shared()];
    for (const shared of [one, many]) {
      shared.set('b', { weight: 2, max_running: 5 });
      for (const tenant of ['a', 'b', 'default']) shared.enqueue(tenant, 10);
      shared.enqueue('a', 3, { priority: 'high' });
    }
    assert.deepEqual(one.claim('w', 25).map(tenantIn), many.served(25));
    const tagsOf = ({ state }: Shared) => [...state.tables.tenants.values()].map(({ tags }) => tags);
    assert.deepEqual(tagsOf(one), tagsOf(many));
  });

  test('without tenants, and with one, the order is that of entry', () => {
    for (const tenant of ['default', 'acme']) {
      const shared = new Shared();
      const ids = shared.enqueue(tenant, 20);
      assert.deepEqual(
        shared.claim('w', 20).map(({ job_id }) => job_id),
        ids,
      );
      assert.equal(shared.state.tables.tenants.size, tenant === 'default' ? 0 : 2);
    }
  });

  test('by random programs no tenant that waits is passed over for more than its share', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = randomOf(seed);
      const weights: Record<string, number> = {
        a: 1,
        b: 1 + Math.floor(4 * random()),
        c: 1 + Math.floor(9 * random()),
      };
      const names = Object.keys(weights);
      const shared = new Shared();
      for (const name of names) shared.set(name, { weight: weights[name]! });
      const served: Record<string, number> = { a: 0, b: 0, c: 0 };
      /** What had been served when each began to wait without a break. */
      const since = new Map<string, Record<string, number>>();
      for (let step = 0; step < 150; step += 1) {
        if (random() < 0.3) shared.enqueue(names[Math.floor(3 * random())]!, 1 + Math.floor(6 * random()));
        for (const name of names) {
          if (!shared.state.tables.waiting_of.has(`${name}|normal`)) since.delete(name);
          else if (!since.has(name)) since.set(name, { ...served });
        }
        const [next] = shared.served(1);
        if (next !== 'none') served[next!]! += 1;
        for (const [one, from] of since) {
          for (const [other, from_other] of since) {
            const had = (name: string) => (served[name]! - Math.max(from[name]!, from_other[name]!)) / weights[name]!;
            const bound = 1 / weights[one]! + 1 / weights[other]!;
            assert.ok(had(other) - had(one) <= bound + 1e-9, `seed ${seed}, step ${step}: ${other} before ${one}`);
          }
        }
        if (step % 50 === 25) shared.state = restore(snapshotRows(shared.state));
      }
    }
  });
});

describe('a limit or a pause', () => {
  test('holds back the jobs of its tenant alone, until one of its jobs ends', () => {
    const shared = new Shared();
    shared.set('acme', { max_running: 2 });
    shared.enqueue('acme', 5);
    shared.enqueue('other', 2);
    const leases = shared.claim('w', 10);
    assert.deepEqual(leases.map(tenantIn).sort(), ['acme', 'acme', 'other', 'other']);
    assert.deepEqual(shared.claim('w'), []);
    shared.complete(leases.find((lease) => tenantIn(lease) === 'acme')!);
    assert.deepEqual(shared.claim('w', 10).map(tenantIn), ['acme']);
  });

  test('of a key holds back its jobs, not the others of its tenant', () => {
    const shared = new Shared();
    const key = { type: 'create_key', role: 'submit', name: '', tags: null, worker_id: null, tenant: 'acme' } as const;
    const limits = { ...NO_LIMITS, max_running: 1 };
    shared.run({ ...key, key_id: 'slow', limits, expires_ms: null, secret_hash: 'h', by: 't', outside_admin: true });
    shared.enqueue('acme', 200, { submitted_by: 'key:slow' });
    const free = shared.enqueue('acme', 2, { submitted_by: 'key:free' });
    const leases = shared.claim('w', 10);
    assert.deepEqual(leases.map(({ job_id }) => job_id).slice(1), free);
    shared.complete(leases[0]!);
    assert.deepEqual(
      shared.claim('w', 10).map(({ job_id }) => job_id),
      ['acme-2'],
    );
  });

  test('a paused tenant gets nothing, and when it is resumed no more than its share', () => {
    const shared = new Shared();
    shared.enqueue('acme', 20);
    shared.enqueue('other', 40);
    shared.pause('acme');
    const again = shared.run({ type: 'pause_tenant', tenant: 'acme', by: 'test' });
    assert.deepEqual(again.events, [], 'it is paused already');
    assert.deepEqual(new Set(shared.served(10)), new Set(['other']));
    shared.resume('acme');
    const order = shared.served(10);
    assert.ok(Math.abs(countOf(order, 'acme') - 5) <= 1, order.join());
  });

  test('is the reason of the verdict on its jobs', () => {
    const shared = new Shared();
    const [job_id] = shared.enqueue('acme');
    shared.pause('acme');
    shared.later(1_000);
    const verdict = judge(shared.state, shared.job(job_id), shared.at_ms);
    assert.deepEqual([verdict.status, verdict.reason], ['blocked', 'Tenant acme is paused.']);
    shared.tick();
    assert.equal(shared.job(job_id).verdict?.evidence.cause, 'tenant_paused');
  });
});

test("a tenant's own workers take its jobs alone, at once, and cost it no share of the others", () => {
  const shared = new Shared();
  shared.run({ type: 'register_worker', worker_id: 'acme_1', registration: { capabilities: {} }, tenant: 'acme' });
  shared.enqueue('other', 300);
  shared.enqueue('acme', 60);
  assert.deepEqual(new Set(shared.served(30, 'acme_1')), new Set(['acme']));
  const order = shared.served(20);
  assert.ok(Math.abs(countOf(order, 'acme') - 10) <= 1, order.join());
});

test('the settings of a tenant, its place in the order and its counts are the same after a restart', () => {
  const shared = new Shared();
  shared.set('acme', { weight: 2, max_running: 3 });
  shared.enqueue('acme', 10);
  shared.enqueue('other', 10);
  shared.claim('w', 7);
  const { lines, ready, waiting_of, running_of, ready_weights } = shared.state.tables;
  const restored = restore(snapshotRows(shared.state)).tables;
  for (const [one, other] of [
    [lines.normal, restored.lines.normal],
    [ready.normal, restored.ready.normal],
    [waiting_of, restored.waiting_of],
    [running_of, restored.running_of],
    [ready_weights, restored.ready_weights],
  ] as const) {
    assert.deepEqual([...one.entries()], [...other.entries()]);
  }
});

test('deleting a tenant restores the defaults; one without unfinished jobs is forgotten', () => {
  const shared = new Shared();
  shared.set('acme', { weight: 5 });
  shared.enqueue('acme', 1);
  shared.run({ type: 'reset_tenant', tenant: 'acme', by: 'test' });
  assert.equal(shared.state.tables.tenants.get('acme')?.weight, 1);
  shared.complete(shared.claim('w')[0]!);
  shared.run({ type: 'reset_tenant', tenant: 'acme', by: 'test' });
  assert.equal(shared.state.tables.tenants.has('acme'), false);
  assert.equal(shared.run({ type: 'pause_tenant', tenant: 'acme', by: 'test' }).refusal?.code, 'tenant_not_found');
});

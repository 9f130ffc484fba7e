/**
 * The rules on which everything rests, and how to break each on purpose: one line of the product is replaced when it is
 * loaded. The simulation must detect each of these, otherwise it proves nothing about that line.
 */
export type Rule = {
  /** The name of the rule that is broken. */
  name: string;
  file: string;
  /** A seed shortly before the first history that detects it, so that the test is short. Default 1. */
  seed?: number;
  /** Only one of many histories detects it: `npm run broken-rules` breaks it, `npm test` does not. */
  rare?: true;
  /** Each text occurs exactly once; otherwise loading fails. */
  replace: readonly (readonly [text: string, by: string])[];
};

const CHAIN = 'server/journal/chain.ts';
const JOURNAL = 'server/journal/journal.ts';
const TRUNCATION = 'server/journal/truncation.ts';
const ENGINE = 'server/engine.ts';
const PUBLISHER = 'server/views/publisher.ts';

export const RULES: readonly Rule[] = [
  {
    name: 'gap-rule-on-put',
    rare: true,
    file: JOURNAL,
    seed: 8,
    replace: [['if (!(await this.#chain.trust(server_ms))) throw truncatedMeanwhile(seq);', '']],
  },
  {
    name: 'gap-rule-on-404',
    file: CHAIN,
    seed: 66,
    replace: [
      [
        'if (!(await this.trust(result.server_ms))) break;',
        'if (!result.found) this.#options.logClock.observe(result.server_ms);\n        else if (!(await this.trust(result.server_ms))) break;',
      ],
    ],
  },
  {
    name: 'gap-rule-on-read',
    file: CHAIN,
    seed: 734,
    replace: [
      [
        'if (!(await this.trust(result.server_ms))) break;',
        'if (result.found) this.#options.logClock.observe(result.server_ms);\n        else if (!(await this.trust(result.server_ms))) break;',
      ],
    ],
  },
  {
    name: 'gap-rule-on-lost',
    file: JOURNAL,
    seed: 203,
    replace: [['if (!(await this.#chain.trust(there.server_ms))) throw truncatedMeanwhile(seq);', '']],
  },
  {
    name: 'look-whose-412-it-is',
    file: JOURNAL,
    replace: [['if (segment.header.batch_id === batch.batch_id) {', 'if (false as boolean) {']],
  },
  {
    name: 'never-give-up-after-404',
    file: JOURNAL,
    seed: 106,
    replace: [
      [
        'unanswered = true;',
        `unanswered = true;
        const there = await this.#chain.get(key);
        if (!there.found) throw new JournalError('unavailable', 'it does not exist, so it was not written');`,
      ],
    ],
  },
  {
    name: 'same-bytes-again',
    file: JOURNAL,
    replace: [
      [
        'unanswered = true;',
        `unanswered = true;
        return false;`,
      ],
    ],
  },
  {
    name: 'unanswered-may-be-written',
    rare: true,
    file: JOURNAL,
    seed: 202,
    replace: [["if (result.kind === 'refused' && !unanswered) {", "if (result.kind === 'refused') {"]],
  },
  {
    name: 'unknown-is-reported-as-unknown',
    rare: true,
    file: JOURNAL,
    seed: 24,
    replace: [
      [
        'const unknown = outcomeUnknown(cause);',
        "const unknown = new JournalError('unavailable', 'no response, so not written');",
      ],
    ],
  },
  {
    name: 'truncate-by-age',
    file: TRUNCATION,
    seed: 3,
    replace: [['through_seq && server_ms - last_modified_ms > retention_ms', 'through_seq']],
  },
  {
    name: 'truncate-what-is-covered',
    file: TRUNCATION,
    seed: 8,
    replace: [['seq <= covering && seq <= through_seq', 'seq <= through_seq']],
  },
  {
    name: 'truncate-after-reading-back',
    rare: true,
    file: TRUNCATION,
    seed: 130,
    replace: [
      [
        'await readRows(store, await readManifest(store, journal_id, seq));',
        'await readManifest(store, journal_id, seq);',
      ],
      ['snapshots[Math.min(SNAPSHOTS_KEPT, snapshots.length) - 1]', 'snapshots[0]'],
    ],
  },
  {
    name: 'keep-the-newest-snapshot',
    file: TRUNCATION,
    seed: 3,
    replace: [['snapshots.slice(SNAPSHOTS_KEPT), {', 'snapshots, {']],
  },
  {
    name: 'ids-in-the-snapshot',
    file: 'server/state-machine/state/snapshot.ts',
    replace: [["yield JSON.stringify(['command', id, command]);", '{ void id; void command; }']],
  },
  {
    name: 'snapshot-of-one-moment',
    file: 'server/journal/snapshotting.ts',
    replace: [
      ["import type { Clock } from '../clock.ts';", "import { type Clock, sleep } from '../clock.ts';"],
      [
        'const { seq, hash, at_ms } = chain.head;\n    if (seq === 0) return;',
        'const rows = replica.rows();\n    await sleep(clock, 200);\n    const { seq, hash, at_ms } = chain.head;\n    if (seq === 0) return;',
      ],
      ['await writeSnapshot(store, clock, head, replica.rows());', 'await writeSnapshot(store, clock, head, rows);'],
    ],
  },
  {
    name: 'apply-after-the-put-returns',
    file: ENGINE,
    replace: [
      [
        '    return {\n      taken,\n      lines,',
        '    this.#state = state;\n    return {\n      taken,\n      lines,',
      ],
    ],
  },
  {
    name: 'respond-after-the-put-returns',
    file: ENGINE,
    replace: [
      [
        'applyEvents(state, named);\n',
        'applyEvents(state, named);\n        resolve({ seq: slot.seq, refs: state.tables.commands.get(id)?.refs ?? [], replayed: false });\n',
      ],
    ],
  },
  {
    name: 'nothing-to-do-at-the-tail',
    rare: true,
    file: ENGINE,
    seed: 150,
    replace: [['needs_tail ||= decision.events.length === 0', 'needs_tail ||= (false as boolean)']],
  },
  {
    name: 'refused-reads-leave-it-open',
    file: JOURNAL,
    seed: 283,
    replace: [['throw open ? outcomeUnknown(error) : error;', 'throw error;']],
  },
  {
    name: 'refuse-at-the-tail',
    rare: true,
    file: JOURNAL,
    seed: 7,
    replace: [['if (draft.needs_tail && !sole', 'if (false as boolean && !sole']],
  },
  {
    name: 'decide-again-after-another',
    file: JOURNAL,
    replace: [
      [
        'async #commitSome(proposals: readonly P[]): Promise<number> {',
        'async #commitSome(proposals: readonly P[]): Promise<number> {\n    let kept: Draft | undefined;',
      ],
      ['const draft = this.#replica.draft(proposals, {', 'const draft = kept ??= this.#replica.draft(proposals, {'],
    ],
  },
  {
    name: 'hold-the-clock-to-the-store',
    file: 'server/journal/log-clock.ts',
    seed: 4,
    replace: [
      ['return Math.min(Math.max(here_ms, there_ms - TOLERANCE_MS), there_ms + TOLERANCE_MS);', 'return here_ms;'],
    ],
  },
  {
    name: 'no-step-of-the-clock-is-followed',
    file: 'server/journal/log-clock.ts',
    seed: 15,
    replace: [['const offset_ms = this.#offset_ms - step_ms;', 'const offset_ms = this.#offset_ms;']],
  },
  {
    name: 'leases-by-log-time',
    file: ENGINE,
    seed: 3,
    replace: [
      [
        'const context = { at_ms: state.at_ms, policy: this.#policy };',
        'const context = { at_ms: this.#clock.now(), policy: this.#policy };',
      ],
    ],
  },
  {
    name: 'lease-ends-when-due',
    file: 'server/state-machine/decide/time.ts',
    seed: 22,
    replace: [
      ['timer === undefined || timer.due_ms > at_ms)', 'timer === undefined || timer.due_ms > at_ms + 20_000)'],
    ],
  },
  {
    name: 'stale-token-changes-nothing',
    file: 'server/state-machine/decide/jobs.ts',
    seed: 8,
    replace: [
      [
        'job.run.ended_ms === null && job.run.token === token && running(job.state)',
        'job.run.ended_ms === null && running(job.state)',
      ],
    ],
  },
  {
    name: 'failed-here-goes-elsewhere',
    seed: 253,
    file: 'server/state-machine/decide/claims.ts',
    replace: [['if (!isFailedBy(worker, job)) return true;', 'if (worker) return true;']],
  },
  {
    name: 'suspended-get-one-job-on-trial',
    seed: 177,
    file: 'server/state-machine/state/able.ts',
    replace: [['worker.holds.length === 0 && at_ms', 'at_ms']],
  },
  {
    name: 'suspended-wait-for-their-trial',
    seed: 363,
    file: 'server/state-machine/state/able.ts',
    replace: [['&& at_ms >= worker.faults!.trial_ms ?', '?']],
  },
  {
    name: 'remember-commands',
    file: 'server/state-machine/decide/decide.ts',
    seed: 2,
    replace: [
      [
        'if (known.fingerprint === command.fingerprint) return { refs: known.refs };',
        'if (known.fingerprint === command.fingerprint) return decideBody(state, command.body, context);',
      ],
    ],
  },
  {
    name: 'a-segment-that-is-missing-is-no-tail',
    file: 'server/journal/completeness.ts',
    seed: 278,
    replace: [['if (problems.length === 0) return;', 'return;']],
  },
  {
    name: 'verify-parts',
    rare: true,
    file: 'server/journal/snapshots.ts',
    seed: 19,
    replace: [["if (hash('sha256', got.bytes, 'hex') !== sha256) {", 'if (false as boolean) {']],
  },
  {
    name: 'verify-segments',
    file: 'server/journal/segment.ts',
    seed: 214,
    replace: [["if (footer?.sha256 !== running.copy().digest('hex'))", 'if (!footer)']],
  },
  {
    name: 'no-number-after-a-loss-was-used-before',
    file: 'server/journal/accept-loss.ts',
    seed: 27,
    replace: [['1 + Math.max(await highestSnapshot(store)', '0 + Math.max(await highestSnapshot(store)']],
  },
  {
    name: 'a-put-proves-the-tail',
    rare: true,
    file: JOURNAL,
    seed: 5,
    replace: [
      [
        'if (await this.#proveTail(() => this.#place(batch, draft))) return draft.taken;',
        'if (await this.#place(batch, draft)) return draft.taken;',
      ],
    ],
  },
  {
    name: 'jobs-that-run-elsewhere-stay-there',
    file: 'server/state-machine/state/job-indexes.ts',
    seed: 7,
    replace: [['job.not_before_ms === null && !runsElsewhere(job)', 'job.not_before_ms === null']],
  },
  {
    name: 'show-workers-that-sources-name',
    rare: true,
    file: 'server/views/changes.ts',
    seed: 36,
    replace: [
      ["if (event.type === 'JobObserved') sightedWorker(event.data.sighting.worker_id, before, after, emit);", ''],
    ],
  },
  {
    name: 'views-that-failed-are-noted-again',
    file: PUBLISHER,
    seed: 66,
    replace: [['this.#pending.add({ ...note, fresh: false, failures,', 'void ({ ...note, fresh: false, failures,']],
  },
  {
    name: 'forget-the-version-that-is-archived',
    file: 'server/state-machine/decide/archive.ts',
    seed: 1339,
    replace: [['record.version === version', 'record.version >= version']],
  },
  {
    name: 'forget-only-what-is-packed',
    file: 'server/views/packing.ts',
    replace: [['await writeOnce(store, pack.key, bytes);', '']],
  },
  {
    name: 'what-has-left-memory-since-is-looked-up-again',
    rare: true,
    file: 'server/state-machine/decide/observed.ts',
    seed: 567,
    replace: [['if (!here && state.hasBeenArchivedSince(sighting.job_id, body.read_seq)) continue;', '']],
  },
  {
    name: 'a-returning-job-leaves-its-earlier-end',
    file: 'server/views/changes.ts',
    seed: 17,
    replace: [['before.job(id) ?? returning?.job', 'before.job(id)']],
  },
  {
    name: 'an-alert-is-raised-once',
    file: 'server/state-machine/decide/alerts.ts',
    replace: [['if (known === undefined) {', 'if (known === undefined || rule.for_ms === 0) {']],
  },
  {
    name: 'a-silence-ends-with-its-alerts',
    rare: true,
    file: 'server/state-machine/apply/alerts.ts',
    replace: [['if (until_resolved.length === 0) silences.delete(silence.id);\n    else ', '']],
  },
];

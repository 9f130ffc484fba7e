/** Rules of the queue, and how to break each on purpose: the histories must detect every one. */
import type { Rule } from '../rules.ts';

const MESSAGES = 'server/state-machine/decide/messages.ts';

export const QUEUE_RULES: readonly Rule[] = [
  {
    name: 'send-again-after-a-crash',
    rare: true,
    seed: 6,
    file: 'server/queues/outbox.ts',
    replace: [['    this.#dueAll();\n    this.#loop', '    this.#loop']],
  },
  {
    name: 'send-again-what-was-lost',
    rare: true,
    seed: 19,
    file: 'server/queues/outbox.ts',
    replace: [['if (!claimable(job) || !job.message) return false;', 'if (job) return false as boolean;']],
  },
  {
    name: 'the-others-send-if-the-author-does-not',
    rare: true,
    seed: 18,
    file: 'server/queues/outbox.ts',
    replace: [['for (const { entity } of queued)', 'if (segment.own) for (const { entity } of queued)']],
  },
  {
    name: 'claim-only-what-waits',
    file: MESSAGES,
    replace: [["if (claimable(job)) return 'claimable';", "if (!finished(job.state)) return 'claimable';"]],
  },
  {
    name: 'keep-the-message-of-a-held-job',
    seed: 6,
    file: MESSAGES,
    replace: [["current === message.message_id ? 'held' : 'over'", "current === message.message_id ? 'over' : 'over'"]],
  },
  {
    name: 'delete-what-is-over',
    file: MESSAGES,
    replace: [
      ["if (finished(job.state) || runsElsewhere(job)) return 'over';", "if (finished(job.state)) return 'ahead';"],
    ],
  },
  {
    name: 'wait-for-a-fold-that-is-behind',
    seed: 6,
    file: MESSAGES,
    replace: [
      ["if (!job) return message.place <= state.scalars.next_ordinal ? 'over' : 'ahead';", "if (!job) return 'over';"],
    ],
  },
  {
    name: 'return-a-message-that-was-handed-back',
    file: 'server/queues/holding.ts',
    replace: [['receipt: message.receipt, seconds: 0 }', 'receipt: message.receipt, seconds: 40_000 }']],
  },
  {
    name: 'look-into-the-archive',
    seed: 68,
    file: 'server/queues/ingest/intake.ts',
    replace: [['unknown.filter((_, index) => !flags[index])', 'unknown.filter((_, index) => flags[index] !== null)']],
  },
  {
    name: 'delete-a-message-only-after-the-commit',
    seed: 6,
    file: 'server/queues/ingest/intake.ts',
    replace: [['await this.#submit(jobs);', 'void this.#submit(jobs).catch(() => {});']],
  },
];

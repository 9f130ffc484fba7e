/** Metrics of an external queue; without one they have no values. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ApiContext } from '../context.ts';

export function addQueueMetrics(registry: Registry, current: () => ApiContext['queue']): void {
  const registers = [registry];
  new Gauge({
    name: 'transcription_monitor_sqs_up',
    help: '1 while the queue works',
    registers,
    collect() {
      const queue = current();
      if (queue) this.set(queue.problem === null ? 1 : 0);
      else this.remove();
    },
  });
  new Gauge({
    name: 'transcription_monitor_sqs_messages',
    help: 'Messages in the queue as SQS counts them, at most 10 s old; no value while they cannot be read',
    labelNames: ['state'],
    registers,
    async collect() {
      const measured = await current()?.figures();
      this.reset();
      const { figures = null } = measured ?? {};
      if (!figures) return;
      this.set({ state: 'visible' }, figures.messages_visible);
      this.set({ state: 'inflight' }, figures.messages_inflight);
      this.set({ state: 'delayed' }, figures.messages_delayed);
    },
  });
  new Counter({
    name: 'transcription_monitor_sqs_messages_not_understood_total',
    help: "Messages that are neither the monitor's nor valid submissions or events",
    registers,
    collect() {
      const queue = current();
      // A counter's value is the queue's own count.
      this.reset();
      if (queue) this.inc(queue.not_understood);
      else this.remove();
    },
  });
}

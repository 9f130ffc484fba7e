/** `node test/simulation/queue/main.ts`: histories of a monitor whose queue is SQS. */
import { runCommand } from './command.ts';
import { QUEUE_RULES } from './rules.ts';

await runCommand({ histories: 10_000, rules: QUEUE_RULES, thread: new URL('./worker.ts', import.meta.url) });

/** `node test/simulation/routing/main.ts`: histories of jobs that require something of their workers. */
import { runCommand } from '../queue/command.ts';
import { ROUTING_RULES } from './rules.ts';

await runCommand({ histories: 10_000, rules: ROUTING_RULES, thread: new URL('./worker.ts', import.meta.url) });

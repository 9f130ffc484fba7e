/** `node test/simulation/policies/main.ts`: histories of policies that act. */
import { runCommand } from '../queue/command.ts';
import { POLICY_RULES } from './rules.ts';

await runCommand({ histories: 300, rules: POLICY_RULES, thread: new URL('./worker.ts', import.meta.url) });

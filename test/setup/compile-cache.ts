/**
 * Preloaded by `npm test`: Node keeps compiled modules in `.cache/compiled`, so that the processes of a test run, which
 * load the same modules hundreds of times, strip and compile each of them once. A changed file is compiled again.
 *
 * Takes 0.3 to 0.5 s of CPU off each process that loads the server.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('../../.cache/compiled', import.meta.url));
enableCompileCache(directory);
// For the processes that tests start.
process.env.NODE_COMPILE_CACHE ??= directory;

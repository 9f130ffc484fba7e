/**
 * Some proofs repeat a test with many inputs: a crash at each call, a clock set to each offset. `npm test` takes a part of
 * them, so that it stays short; `npm run test:thorough` takes all.
 */
export const THOROUGH = process.env.TMON_TEST_THOROUGH === '1';

/** Of a thorough run, or of an ordinary one. */
export const extent = <T>(thorough: T, ordinary: T): T => (THOROUGH ? thorough : ordinary);

import { SIMULATIONS, testBrokenRules } from './broken-rules.ts';

testBrokenRules(SIMULATIONS.core);

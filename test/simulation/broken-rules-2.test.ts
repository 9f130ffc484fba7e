import { testBrokenRules } from './broken-rules.ts';

testBrokenRules(1, 2);

import { testBrokenRules } from './broken-rules.ts';

testBrokenRules(0, 2);

/** Which system, at what cost: the documents' table as it is printed, and arithmetic that can be followed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runTmon } from '../../test/processes/tmon.ts';
import { costOf, DEFAULT_WORKLOAD, MEASURED, PRICES } from './cost.ts';
import { type Need, recommend, SYSTEMS, systems } from './systems.ts';

const choosing = readFileSync(new URL('../../docs/choosing.md', import.meta.url), 'utf8');
const best = (...needs: Need[]) => recommend(new Set(needs)).system.name;

test('[B142] each row of the table leads to its system', () => {
  assert.equal(best('scaling'), 'sqs');
  assert.equal(best('simple'), 'logs');
  assert.equal(best('structure'), 's3');
  assert.equal(best('queries', 'dashboards'), 'database');
  assert.equal(best('apis'), 'full');
});

test('[B142] what a row warns of rules it out, while another system has no such warning', () => {
  assert.notEqual(best('scaling', 'metrics'), 'sqs');
  assert.notEqual(best('simple', 'dashboards'), 'logs');
  assert.notEqual(best('structure', 'queries'), 's3');
  assert.notEqual(best('queries', 'cheap'), 'database');
  assert.notEqual(best('basic'), 'full');
});

test('[B142] [B110] [B111] the page has the table as the document prints it, and the four needs', () => {
  for (const { title, use_when_words, dont_use_when_words } of systems) {
    assert.ok(choosing.includes(`| **${title}** | ${use_when_words} | ${dont_use_when_words} |`), title);
  }
  for (const need of ['stuck', 'failed', 'progress', 'breaks']) assert.match(choosing, new RegExp(need));
});

test('[B146] with nothing asked for, it is to start with the logs, and the way goes up from there', () => {
  assert.equal(best(), 'logs');
  assert.deepEqual(
    [...systems].sort((a, b) => a.step - b.step).map(({ name }) => name),
    ['logs', 'sqs', 's3', 'database', 'full'],
  );
});

test('[B143] [B144] [B145] the page says what to do in each of the first weeks', () => {
  assert.match(choosing, /Week 1[^\n]*StructuredLogger/);
  assert.match(choosing, /Week 2[^\n]*tmon logs/);
  assert.match(choosing, /Week 3[^\n]*tmon aws template/);
});

test('a month costs what was counted times the prices', () => {
  const work = { ...DEFAULT_WORKLOAD, jobs_per_month: 1000, minutes_per_job: 10, seconds_per_report: 60 };
  const { requests_per_job, requests_per_report } = MEASURED.s3;
  const { of } = costOf('s3', work);
  assert.ok(Math.abs(of.puts! - 1000 * (requests_per_job + 10 * requests_per_report) * PRICES.s3_put) < 1e-9);
  for (const system of SYSTEMS) {
    const { usd_per_month, of: parts } = costOf(system, work);
    assert.ok(usd_per_month > 0, system);
    assert.ok(Math.abs(Object.values(parts).reduce((a, b) => a + b) - usd_per_month) < 1e-9);
    assert.ok(costOf(system, { ...work, jobs_per_month: 2000 }).usd_per_month >= usd_per_month);
  }
});

test('[B141] [B146] the page’s figures are those that the command gives', () => {
  for (const { name } of systems) {
    const { usd_per_month } = costOf(name, DEFAULT_WORKLOAD);
    assert.ok(choosing.includes(`$${usd_per_month.toFixed(2)}`), `${name}: $${usd_per_month.toFixed(2)}`);
  }
});

test('tmon recommend answers by flags, and says what to type where nobody can be asked', async (t) => {
  const said = await runTmon(t, ['recommend', '--needs', 'structure', '--jobs', '5000', '--json']);
  assert.equal(said.code, 0, said.stderr);
  const document = JSON.parse(said.stdout);
  assert.equal(document.recommended, 's3');
  assert.equal(document.workload.jobs_per_month, 5000);
  assert.equal(document.systems.length, 5);
  const silent = await runTmon(t, ['recommend']);
  assert.equal(silent.code, 2);
  assert.match(silent.stderr, /no terminal to ask on\nhint: tmon recommend --needs/);
  const unknown = await runTmon(t, ['recommend', '--needs', 'magic']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /unknown need magic/);
});

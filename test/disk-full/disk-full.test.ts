/** A full disk never costs the end of a transcript: a few of the trials of main.ts, at chosen fill levels. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Outcome, removeScripts, SmallDisk, TRIALS, whyNot } from './trial.ts';

const skip = (await whyNot()) ?? false;

describe('on a disk that becomes full', { skip }, () => {
  let disk: SmallDisk;
  before(async () => {
    disk = await SmallDisk.mount();
  });
  after(async () => {
    await disk?.unmount();
    await removeScripts();
  });

  for (const kind of TRIALS) {
    test(`${kind}: no transcript is without its end, and the failure is the worker's`, async () => {
      const outcomes: Outcome[] = [];
      for (const free of [0, 0.2, 0.6, 1.2]) outcomes.push(await disk.try(kind, { free, returns: false }));
      assert.equal(outcomes.at(-1), 'complete', 'with room enough');
      assert.ok(
        outcomes.slice(0, 2).every((outcome) => outcome === 'disk_full'),
        outcomes.join(', '),
      );
      assert.ok(!outcomes.includes('cut'));
    });
  }

  test('room that returns after the conversion does not hide that the audio is cut', async () => {
    for (const free of [0.3, 0.5]) {
      assert.equal(await disk.try('whisper.cpp', { free, returns: true }), 'disk_full');
    }
  });
});

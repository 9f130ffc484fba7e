/** Submissions whose recording cannot exist, or with unsupported options, are refused before anything is written. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, claim, register } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });

const REFUSED = [
  [{ audio_url: 'upload://upload-nothing/call.wav' }, 'upload_not_found', '/audio_url'],
  [{ audio_url: 'upload://../call.wav' }, 'upload_not_found', '/audio_url'],
  [{ audio_url: 's3://bucket/folder/' }, 'invalid_body', '/audio_url'],
  [{ audio_url: 's3://bucket/' }, 'invalid_body', '/audio_url'],
  [{ audio_url: 's3://bucket' }, 'invalid_body', '/audio_url'],
  [{ audio_url: 'https://user:pass/word@host/x' }, 'invalid_body', '/audio_url'],
  [{ audio_url: AUDIO, webhook_url: 'https://127.0.0.1/done' }, 'webhook_refused', '/webhook_url'],
  [{ audio_url: AUDIO, webhook_url: 'https://a:b:c/' }, 'invalid_body', '/webhook_url'],
  [{ audio_url: AUDIO, webhook_events: ['failed'] }, 'invalid_body', '/webhook_events'],
] as const;

test('a submission is refused if its recording cannot exist, or its webhook may not be called', async () => {
  const before = (await monitor.get('/jobs')).body.items.length;
  for (const [submission, code, field] of REFUSED) {
    const { status, body } = await monitor.post('/jobs', submission);
    assert.deepEqual([status, body.code, body.errors[0].field], [400, code, field], JSON.stringify(submission));
  }
  assert.equal((await monitor.get('/jobs')).body.items.length, before);
});

test('http:// and any spelling of https:// are accepted, and a signed URL shows its end but not its signature', async () => {
  const query = 'X-Amz-Date=20261127T110000Z&X-Amz-Expires=3600&X-Amz-Signature=secret';
  for (const audio_url of [`http://10.0.0.5:9000/calls/a.wav?${query}`, `HTTPS://host/a.wav?${query}`]) {
    const { status, body } = await monitor.post('/jobs', { audio_url, require_complete: true });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(body.input.audio_url_expires_at, '2026-11-27T12:00:00Z');
    assert.equal(body.input.require_complete, true);
    assert.doesNotMatch(JSON.stringify(body), /secret/);
  }
  const { body } = await monitor.post('/jobs', { audio_url: AUDIO });
  assert.deepEqual([body.input.audio_url_expires_at, body.input.require_complete], [null, false]);
});

test('in a batch each submission is refused separately, and the others keep their places', async () => {
  const upload = await monitor.call('POST', '/api/v1/uploads', { body: 'audio', headers: { 'content-type': 'x/y' } });
  const good = [{ audio_url: AUDIO, webhook_url: null }, { audio_url: upload.body.audio_url }];
  const jobs = [good[0], ...REFUSED.map(([submission]) => submission), good[1]];
  const { body } = await monitor.post('/jobs/batch', { jobs });
  assert.deepEqual(
    body.jobs.map((result: { status: number; error?: { code: string }; job?: { input: { s3_path: string } } }) =>
      result.status === 201 ? result.job!.input.s3_path : result.error!.code,
    ),
    [AUDIO, ...REFUSED.map(([, code]) => code), upload.body.audio_url],
  );
});

test('no document shows the user and password of an audio_url; only its worker gets them', async () => {
  const secret = 'https://user:se%40cret@example.com:8443/a@b.wav?signature=abc#x';
  const { body } = await monitor.post('/jobs', { audio_url: secret, priority: 'high' });
  assert.equal(body.input.s3_path, 'https://example.com:8443/a@b.wav');
  for (const path of [`/jobs/${body.job_id}`, '/jobs', `/jobs/${body.job_id}/timeline`])
    assert.doesNotMatch((await monitor.get(path)).text, /se%40cret|signature/, path);
  await register(monitor, 'worker-1');
  assert.equal((await claim(monitor, 'worker-1'))[0]?.audio_url, secret);
});

test('options are kept with the job, and one that no worker knows is refused once a worker has declared its own', async () => {
  const own = await openMonitor({ after });
  const submit = (options: object) => own.post('/jobs', { audio_url: AUDIO, options });
  const known = { language: 'de', word_timestamps: true, engine_options: { beam_size: 2 } };
  const { status, body } = await submit({ ...known, diarize: true });
  assert.deepEqual([status, body.options], [201, { ...known, diarize: true }], 'nobody has declared any');
  assert.equal((await submit({})).body.options, undefined);
  for (const options of [{ lang: 'de' }, { language: 'german!' }, { temperature: 2 }, { task: 'sing' }]) {
    assert.equal((await submit(options)).body.code, 'invalid_body', JSON.stringify(options));
  }
  await register(own, 'one', { capabilities: { options: ['language', 'engine_options'] } });
  const { body: worker } = await own.put('/workers/two', { capabilities: { options: ['word_timestamps'] } });
  assert.deepEqual(worker.capabilities.options, ['word_timestamps']);
  assert.equal((await submit({ ...known, model: 'large-v3' })).status, 201);
  const refused = await submit({ ...known, diarize: true });
  assert.deepEqual(
    [refused.status, refused.body.code, refused.body.errors[0].field],
    [400, 'option_not_supported', '/options/diarize'],
  );
  assert.deepEqual(
    (await claim(own, 'one')).map(({ job }) => job.options),
    [undefined],
    'only what it knows',
  );
  await own.delete('/workers/two');
  assert.equal((await submit({ word_timestamps: true })).body.code, 'option_not_supported');
});

test('a job goes to a worker that has what it requires, past jobs that wait for another, and says why it waits', async () => {
  const own = await openMonitor({ after });
  const submit = async (more: object) => (await own.post('/jobs', { audio_url: AUDIO, ...more })).body.job_id;
  for (const requires of [{ device: '' }, { tags: ['a b'] }, { gpu: true }, { tags: ['eu', 'eu'] }]) {
    const { body } = await own.post('/jobs', { audio_url: AUDIO, requires });
    assert.equal(body.code, 'invalid_body', JSON.stringify(requires));
  }
  const large = await submit({ options: { model: 'large-v3' }, requires: { device: 'cuda', tags: ['eu'] } });
  const any = await submit({});
  await register(own, 'small', { capabilities: { model: 'tiny', device: 'cuda', tags: ['eu'] } });
  assert.deepEqual(
    (await claim(own, 'small', 2)).map(({ job }) => job.job_id),
    [any],
  );
  const large_v3 = { model: 'distil', models: ['large-v3'], device: 'cuda', languages: ['de'], tags: ['us', 'eu'] };
  await register(own, 'large', { capabilities: large_v3 });
  const [held] = await claim(own, 'large');
  assert.deepEqual([held!.job.job_id, held!.job.requires], [large, { device: 'cuda', tags: ['eu'] }]);
  assert.partialDeepStrictEqual((await own.get('/workers/large')).body.capabilities, large_v3);
});

/** Each notifier delivers in its system's format: a real topic with a queue behind it, HTTP receivers, an SMTP server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { SMTPServer } from 'smtp-server';
import type { CheckDocument } from '../protocol/check.ts';
import { motoCredentials, startMoto } from '../test/servers/moto.ts';
import { freePort } from '../test/servers/start.ts';
import { type Notice, NotifierError } from './notifier.ts';
import { notifierOptions, openNotifier as open } from './open-notifier.ts';
import { tell, unreadIn, verdictKey } from './tell.ts';

const { signal } = new AbortController();

/** Receivers of tests have private addresses. */
const openNotifier = (url: string, environment: Record<string, string> = {}) =>
  open(url, notifierOptions({ allow_private_webhooks: 'true', webhook_secret: '' }, environment));

const NOTICE: Notice = {
  id: 'notice-1',
  title: 'transcription-monitor: wrong: 1 job stuck – “job-1”',
  text: 'WRONG: 1 job stuck\n\nSTUCK  job-1  <!channel> & more',
  document: { verdict: 'wrong' },
  incident: { key: 'tmon-check-1', severity: 'critical', resolved: false, source: 's3://status' },
};

/** Responds with `status`, and records the requests. */
async function receiver(t: { after(run: () => void): void }, status = 200) {
  const bodies: { path: string; body: unknown; headers: Record<string, unknown> }[] = [];
  const server = createHttpServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push({
      path: request.url ?? '',
      body: JSON.parse(Buffer.concat(chunks).toString()),
      headers: request.headers,
    });
    response.writeHead(status, { location: '/elsewhere' }).end('moved away');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, bodies };
}

test('[B112] a topic of SNS gets the text and a subject, and delivers it to its subscribers', async (t) => {
  const moto = await startMoto();
  t.after(() => moto.stop());
  const names = ['AWS_ENDPOINT_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;
  const before = names.map((name) => process.env[name]);
  const values = [moto.endpoint, motoCredentials.accessKeyId, motoCredentials.secretAccessKey];
  names.forEach((name, index) => {
    process.env[name] = values[index];
  });
  t.after(() => {
    names.forEach((name, index) => {
      if (before[index] === undefined) delete process.env[name];
      else process.env[name] = before[index];
    });
  });
  const client = { endpoint: moto.endpoint, region: 'eu-west-1', credentials: motoCredentials };
  const sns = new SNSClient(client);
  const sqs = new SQSClient(client);
  t.after(() => {
    sns.destroy();
    sqs.destroy();
  });
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'alarms' }));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'mailbox' }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: Attributes!.QueueArn }));

  await (await openNotifier(`sns:${TopicArn}`)).notify(NOTICE, signal);

  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
  const { Subject, Message } = JSON.parse(Messages![0]!.Body!) as { Subject: string; Message: string };
  assert.equal(Subject, 'transcription-monitor: wrong: 1 job stuck job-1');
  assert.equal(Message, NOTICE.text);

  const missing = await openNotifier('sns:arn:aws:sns:eu-west-1:123456789012:nowhere');
  await assert.rejects(missing.notify(NOTICE, signal), (error: NotifierError) => {
    assert.match(error.message, /nowhere was not notified: the topic does not exist/);
    assert.equal(error.hint, 'aws sns create-topic --region eu-west-1 --name nowhere');
    return true;
  });
});

test('a webhook gets the document, with the password of its URL as a header', async (t) => {
  const { url, bodies } = await receiver(t);
  const notifier = await openNotifier(`${url.replace('://', '://ops:s%40cret@')}/hooks/abcd1234`);
  await notifier.notify(NOTICE, signal);
  assert.deepEqual(
    bodies.map(({ path, body }) => [path, body]),
    [['/hooks/abcd1234', NOTICE.document]],
  );
  assert.equal(bodies[0]!.headers.authorization, `Basic ${btoa('ops:s@cret')}`);
  assert.equal(notifier.name, `${url}/…1234`);
});

test('Slack gets Slack’s JSON, and nothing in it mentions a channel', async (t) => {
  const { url, bodies } = await receiver(t);
  await (await openNotifier(`slack:${url}/services/T/B/secret`)).notify(NOTICE, signal);
  const { text, blocks } = bodies[0]!.body as { text: string; blocks: { type: string; text: { text: string } }[] };
  assert.equal(text, NOTICE.title);
  assert.deepEqual(
    blocks.map(({ type }) => type),
    ['section', 'section'],
  );
  assert.match(blocks[1]!.text.text, /^```WRONG: 1 job stuck\n[^<]*&lt;!channel&gt; &amp; more```$/);
});

test('any response but 2xx, including a redirect, is a failure', async (t) => {
  for (const [status, hint] of [
    [500, undefined],
    [404, undefined],
    [302, 'use its final address: /elsewhere'],
  ] as const) {
    const { url, bodies } = await receiver(t, status);
    const notifier = await openNotifier(`${url}/secret-path`);
    await assert.rejects(notifier.notify(NOTICE, signal), (error: NotifierError) => {
      assert.match(error.message, new RegExp(`was not notified: HTTP ${status} moved away`));
      assert.equal(error.permanent, false);
      assert.doesNotMatch(error.message, /secret/);
      assert.equal(error.hint, hint);
      return true;
    });
    assert.equal(bodies.length, 1);
  }
  const unreachable = await openNotifier(`http://127.0.0.1:${await freePort()}/x`);
  await assert.rejects(unreachable.notify(NOTICE, signal), /was not notified: .*ECONNREFUSED/);
});

/** A real SMTP server. `refuses`: the reply to RCPT. */
async function smtpReceiver(refuses?: string) {
  const mails: { to: string[]; from: string; data: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: (_address, _session, callback) =>
      callback(refuses === undefined ? null : Object.assign(new Error(refuses), { responseCode: 550 })),
    onData(stream, { envelope }, callback) {
      let data = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        data += chunk;
      });
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), data: data.replaceAll('\r\n', '\n') });
        callback();
      });
    },
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  after(() => void server.close());
  return { url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`, mails };
}

test('a mail goes through the server of TMON_SMTP_URL to every address', async () => {
  const { url, mails } = await smtpReceiver();
  const environment = { TMON_SMTP_URL: url, TMON_SMTP_FROM: 'monitor@example.com' };
  const notifier = await openNotifier('mailto:ops@example.com,night@example.com', environment);
  await notifier.notify({ ...NOTICE, title: 'wrong: 1 job stuck\r\nBcc: everyone@example.com' }, signal);
  assert.deepEqual(
    mails.map(({ to, from }) => [from, to]),
    [['monitor@example.com', ['ops@example.com', 'night@example.com']]],
  );
  assert.match(mails[0]!.data, /^Subject: wrong: 1 job stuck/m);
  assert.doesNotMatch(mails[0]!.data, /^Bcc:/m);
  assert.match(mails[0]!.data, /STUCK {2}job-1/);
  assert.match(mails[0]!.data, /^Message-ID: <notice-1@transcription-monitor>$/m);

  const refusing = await smtpReceiver('no such mailbox');
  const refused = await openNotifier('mailto:nobody@example.com', { TMON_SMTP_URL: refusing.url });
  await assert.rejects(refused.notify(NOTICE, signal), /nobody@example.com was not notified: .*550 no such mailbox/);
});

test('an unsupported URL is refused at once, with supported ones', async () => {
  for (const [url, hint] of [
    ['pager', /^sns:ARN, https:/],
    ['ftp://x', /^sns:ARN, https:/],
    ['pagerduty:short', /integration key/],
    ['telegram:123:short@1', /BotFather/],
    ['teams:channel', /https:\/\/example/],
    ['sns:alarms', /list-topics/],
    ['slack:general', /https:\/\/example/],
    ['mailto:ops', /mailto:ops@/],
    ['mailto:ops@example.com', /TMON_SMTP_URL=smtps:/],
  ] as const) {
    await assert.rejects(openNotifier(url, {}), (error: NotifierError) => {
      assert.ok(error instanceof NotifierError, url);
      assert.match(error.hint!, hint, url);
      return true;
    });
  }
});

const document = (verdict: CheckDocument['verdict'], ...subjects: string[]): CheckDocument =>
  ({
    verdict,
    says: `${verdict}: ${subjects.length}`,
    problems: subjects.map((subject) => ({ kind: 'job_stuck', subject, says: 'no progress' })),
    warnings: [],
    since: '2025-07-06T20:00:00Z',
    sources: [],
  }) as unknown as CheckDocument;

test('[B110] one message is sent when the verdict changes, none while it stays, and failed ones are retried', async () => {
  const titles: string[] = [];
  let deaf = false;
  const notifier = {
    name: 'ops',
    async notify({ title }: Notice) {
      if (deaf) throw new NotifierError('ops was not notified');
      titles.push(title.replace('transcription-monitor: ', ''));
    },
  };
  const sent = new Map<string, string>();
  const failures = new Map<string, number>();
  const round = (...verdict: Parameters<typeof document>) =>
    tell({
      document: document(...verdict),
      text: '',
      notifiers: [notifier],
      sent,
      unread_before: new Set(),
      failures,
      signal,
    });

  await round('well');
  assert.deepEqual(titles, [], 'a first WELL is not a change');
  await round('wrong', 'job-1');
  await round('wrong', 'job-1');
  assert.deepEqual(titles, ['wrong: 1']);
  deaf = true;
  assert.deepEqual(
    (await round('wrong', 'job-1', 'job-2')).map(({ message }) => message),
    ['ops was not notified'],
  );
  deaf = false;
  await round('wrong', 'job-2', 'job-1');
  await round('wrong', 'job-1', 'job-2');
  assert.deepEqual(titles, ['wrong: 1', 'wrong: 2']);
  await round('well');
  await round('well');
  assert.deepEqual(titles, ['wrong: 1', 'wrong: 2', 'well: 0']);
});

test('an unreadable source is reported at the second check, and its problems do not count as solved', async () => {
  const titles: string[] = [];
  const notifier = {
    name: 'ops',
    async notify({ title }: Notice) {
      titles.push(title.replace('transcription-monitor: ', ''));
    },
  };
  const sent = new Map<string, string>();
  const failures = new Map<string, number>();
  let unread_before = new Set<string>();
  const look = async (checked: CheckDocument, read = true) => {
    const one = { ...checked, sources: [{ name: 's3://b', read }] } as CheckDocument;
    await tell({ document: one, text: '', notifiers: [notifier], sent, unread_before, failures, signal });
    unread_before = new Set(unreadIn(one));
  };
  await look(document('wrong', 'job-1'));
  await look(document('unknown'), false);
  await look(document('wrong', 'job-1'));
  assert.deepEqual(titles, ['wrong: 1']);
  await look(document('unknown'), false);
  await look(document('unknown'), false);
  await look(document('unknown'), false);
  await look(document('well'));
  assert.deepEqual(titles, ['wrong: 1', 'unknown: 0', 'well: 0']);
});

test('verdicts are the same while the problems are the same, however long and in any order', () => {
  assert.equal(verdictKey(document('wrong', 'b', 'a')), verdictKey(document('wrong', 'a', 'b')));
  assert.notEqual(verdictKey(document('wrong', 'a')), verdictKey(document('wrong', 'b')));
  assert.notEqual(verdictKey(document('wrong', 'a')), verdictKey(document('well')));
});

test('a failure that grows too old to be seen changes nothing; a solved one does', async () => {
  const titles: string[] = [];
  const notifier = { name: 'ops', notify: async ({ title }: Notice) => void titles.push(title.slice(-9)) };
  const kept = { sent: new Map<string, string>(), failures: new Map<string, number>() };
  const look = async (hour: number, failed: Record<string, number>) => {
    const problems = Object.entries(failed).map(([subject, at]) => ({
      kind: 'job_failed',
      subject,
      says: 'failed',
      at: `2025-07-07T0${at}:00:00Z`,
    }));
    const one = document(problems.length === 0 ? 'well' : 'wrong', ...Object.keys(failed));
    const since = `2025-07-07T0${hour - 1}:00:00Z`;
    const looked = { ...one, since, problems } as CheckDocument;
    await tell({ document: looked, text: '', notifiers: [notifier], ...kept, unread_before: new Set(), signal });
  };
  await look(2, { a: 2 });
  await look(3, { a: 2, b: 3 });
  assert.deepEqual(
    titles.splice(0),
    [': wrong: 1', ': wrong: 2'].map((one) => one.slice(-9)),
  );
  await look(4, { b: 3 });
  await look(6, {});
  assert.deepEqual(titles.splice(0), []);
  assert.equal(kept.failures.size, 0);
  await look(7, { c: 7 });
  await look(7, {});
  assert.deepEqual(
    titles,
    [': wrong: 1', ': well: 0'].map((one) => one.slice(-9)),
  );
});

test('one message gives the reason for an unknown verdict, and another follows when it is known again', async () => {
  const titles: string[] = [];
  const notifier = { name: 'ops', notify: async ({ title }: Notice) => void titles.push(title.split(': ')[1]!) };
  const kept = { sent: new Map<string, string>(), failures: new Map<string, number>() };
  const look = (one: CheckDocument) =>
    tell({ document: one, text: '', notifiers: [notifier], ...kept, unread_before: new Set(), signal });
  const warnings = [{ kind: 'unreadable' as const, subject: 'log:x', says: '2 could not be read', unknown: true }];
  for (const one of [{ ...document('unknown'), warnings }, document('well')]) {
    await look(one);
    await look(one);
  }
  assert.deepEqual(titles, ['unknown', 'well']);
});

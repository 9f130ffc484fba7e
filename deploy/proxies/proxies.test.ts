/** The configurations of reverse proxies: what users do goes through each. test/proxies/main.ts tries what takes minutes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { issueCertificate } from '../../test/servers/authority.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { freePort, REVERSE_PROXIES, startReverseProxy, whyNot } from '../../test/servers/reverse-proxy.ts';

/** More than a proxy's usual limit of a body, 1 MB. */
const UPLOAD = new Uint8Array(2 * 1024 * 1024);

const monitor = await openMonitor({ after });
const certificate = issueCertificate(temporaryDirectory({ after }), ['localhost']);
setDefaultCACertificates([...getCACertificates('default'), readFileSync(certificate.ca, 'utf8')]);

for (const [name, kind] of Object.entries(REVERSE_PROXIES)) {
  test(`${name}: calls, uploads, both kinds of feed and the pages pass it`, async (t) => {
    const why = await whyNot(kind);
    if (why !== false) return t.skip(why);
    const url = await startReverseProxy(t, name, { monitor: monitor.url, certificate, port: await freePort() });
    for (const baseUrl of [url, `${url}/tmon`]) {
      const warnings: string[] = [];
      const api = new TranscriptionAPI({ baseUrl, onWarning: (text) => warnings.push(text) });
      const { audio_url } = await api.uploads.create({ name: 'call.wav', body: UPLOAD });
      const { id } = await api.jobs.submit({ audio_url });
      for await (const event of api.feed.follow({ resource: 'job', job_id: id })) {
        assert.equal(event.type, 'state');
        break;
      }
      // Over the WebSocket; a browser or curl that accepts gzip reads server-sent events.
      assert.deepEqual(warnings, []);
      const stop = new AbortController();
      const events = await fetch(`${baseUrl}/api/v1/events?resource=queue`, { signal: stop.signal });
      let text = '';
      for await (const part of events.body!.pipeThrough(new TextDecoderStream())) {
        text += part;
        if (text.includes('\n\ndata') || /^data: .*\n\n/m.test(text)) break;
      }
      stop.abort();
      assert.equal(events.status, 200);
    }
    const page = { origin: url, 'content-type': 'application/json' };
    const submitted = await fetch(`${url}/api/v1/jobs`, {
      method: 'POST',
      headers: page,
      body: JSON.stringify({ audio_url: 's3://bucket/a.mp3' }),
    });
    assert.equal(submitted.status, 201, 'the Host is passed on, or the page is foreign');
  });
}

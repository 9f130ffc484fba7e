/** What this page shows, from a program. */
import type { Job } from '../../../../protocol/job.ts';
import type { Program } from '../../parts/program.tsx';

export function jobProgram({ job_id, state }: Pick<Job, 'job_id' | 'state'>, origin: string): Program {
  const api = `${origin}/api/v1/jobs/${job_id}`;
  // On a line of its own, since an id fills one.
  const server = `\\\n  --server ${origin}`;
  const python = `from transcription_monitor import TranscriptionAPI

api = TranscriptionAPI(base_url="${origin}")
`;
  const typescript = `const api = new TranscriptionAPI({ baseUrl: '${origin}' });
`;
  if (state === 'COMPLETED') {
    return {
      tmon: `tmon transcript ${job_id} ${server}`,
      Python: `${python}print(api.jobs.transcript("${job_id}").text)`,
      TypeScript: `${typescript}console.log((await api.jobs.transcript('${job_id}')).text);`,
      curl: `curl \\\n  '${api}/transcript?format=text'`,
    };
  }
  if (state === 'FAILED' || state === 'CANCELLED') {
    return {
      tmon: `tmon job ${job_id} --why ${server}
tmon retry ${job_id} ${server}`,
      Python: `${python}print(api.jobs.why("${job_id}").answer)
api.jobs.retry("${job_id}")`,
      TypeScript: `${typescript}console.log((await api.jobs.why('${job_id}')).answer);
await api.jobs.retry('${job_id}');`,
      curl: `curl \\\n  '${api}/why'
curl -X POST \\\n  '${api}/retry'`,
    };
  }
  return {
    tmon: `tmon watch ${job_id} ${server}`,
    Python: `${python}for update in api.jobs.watch("${job_id}"):
    print(update.percentage, update.stage)`,
    TypeScript: `${typescript}for await (const update of api.jobs.watch('${job_id}')) {
  console.log(update.percentage, update.stage);
}`,
    curl: `curl -N \\\n  '${origin}/api/v1/events?resource=job&job_id=${job_id}'`,
  };
}

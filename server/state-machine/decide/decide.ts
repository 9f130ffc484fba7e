/** Decides a command: events, a refusal, or the first outcome of a repeated command. Pure. */
import type { State } from '../state/state.ts';
import { endRepacking, forget, indexArchive, packArchived, writeColumns } from './archive.ts';
import { claimJobs } from './claims.ts';
import type { Command, CommandBody } from './commands.ts';
import { type Context, type Decision, refuse } from './decision.ts';
import { advanceErasures, dropPacks, eraseJobs } from './erasures.ts';
import { cancelJob, completeJob, failJob, reportProgress, retryJob, submitJobs } from './jobs.ts';
import { createKey, revokeKey, rotateKey } from './keys.ts';
import { recordMessages } from './messages.ts';
import { claimNotices, deliverNotice, failNotice, releaseNotices, replayNotice, requestNotices } from './notices.ts';
import { observeJobs } from './observed.ts';
import { endPass, issuePass, usePass } from './passes.ts';
import { resumePolicies, settleAction } from './policy-commands.ts';
import { purgeQueue, redrive } from './queues.ts';
import { recordEvents } from './reports.ts';
import { acknowledgeAlert, createSilence, endSilence, resolveAlert } from './silences.ts';
import { countUpload, pauseTenant, resetTenant, resumeTenant, setTenant } from './tenants.ts';
import { tick } from './time.ts';
import { judgeOrphaned } from './worker-verdicts.ts';
import {
  beat,
  drainWorker,
  launchWorker,
  placeWorker,
  registerWorker,
  restartWorker,
  terminateWorker,
} from './workers.ts';

export function decide(state: State, command: Command, context: Context): Decision {
  const known = state.tables.commands.get(command.id);
  if (known) {
    if (known.fingerprint === command.fingerprint) return { refs: known.refs };
    return refuse('conflict', 'idempotency_key_reused', 'this Idempotency-Key was used for another request', {
      hint: 'Use a new key for a new request, and the same key only to send the same request again.',
    });
  }
  return decideBody(state, command.body, context);
}

function decideBody(state: State, body: CommandBody, context: Context): Decision {
  switch (body.type) {
    case 'submit_jobs':
      return submitJobs(state, body, context);
    case 'claim_jobs':
      return claimJobs(state, body, context);
    case 'record_messages':
      return recordMessages(state, body);
    case 'report_progress':
      return reportProgress(state, body);
    case 'complete_job':
      return completeJob(state, body, context);
    case 'fail_job':
      return failJob(state, body, context);
    case 'cancel_job':
      return cancelJob(state, body, context);
    case 'erase_jobs':
      return eraseJobs(state, body);
    case 'advance_erasures':
      return advanceErasures(state, body);
    case 'drop_packs':
      return dropPacks(state, body);
    case 'retry_job':
      return retryJob(state, body);
    case 'purge_queue':
      return purgeQueue(state, body);
    case 'redrive':
      return redrive(state, body);
    case 'record_events':
      return recordEvents(state, body, context);
    case 'observe_jobs':
      return observeJobs(state, body, context);
    case 'register_worker':
      return registerWorker(state, body, context);
    case 'launch_worker':
      return launchWorker(state, body, context);
    case 'place_worker':
      return placeWorker(state, body);
    case 'beat':
      return beat(state, body, context);
    case 'drain_worker':
      return drainWorker(state, body);
    case 'restart_worker':
      return restartWorker(state, body, context);
    case 'terminate_worker':
      return terminateWorker(state, body, context);
    case 'judge_orphaned':
      return judgeOrphaned(state, body, context);
    case 'settle_action':
      return settleAction(state, body);
    case 'resume_policies':
      return resumePolicies(state, body);
    case 'claim_notices':
      return claimNotices(state, body, context);
    case 'release_notices':
      return releaseNotices(state, body);
    case 'deliver_notice':
      return deliverNotice(state, body);
    case 'fail_notice':
      return failNotice(state, body, context);
    case 'replay_notice':
      return replayNotice(state, body);
    case 'request_notices':
      return requestNotices(state, body);
    case 'resolve_alert':
      return resolveAlert(state, body);
    case 'acknowledge_alert':
      return acknowledgeAlert(state, body);
    case 'create_silence':
      return createSilence(state, body, context);
    case 'end_silence':
      return endSilence(state, body);
    case 'create_key':
      return createKey(state, body, context);
    case 'set_tenant':
      return setTenant(state, body);
    case 'reset_tenant':
      return resetTenant(state, body);
    case 'pause_tenant':
      return pauseTenant(state, body);
    case 'resume_tenant':
      return resumeTenant(state, body);
    case 'count_upload':
      return countUpload(state, body, context);
    case 'rotate_key':
      return rotateKey(state, body, context);
    case 'revoke_key':
      return revokeKey(state, body, context);
    case 'issue_pass':
      return issuePass(state, body);
    case 'use_pass':
      return usePass(state, body, context);
    case 'end_pass':
      return endPass(state, body, context);
    case 'tick':
      return tick(state, body, context);
    case 'forget':
      return forget(state, body);
    case 'pack_archived':
      return packArchived(state, body);
    case 'write_columns':
      return writeColumns(state, body);
    case 'index_archive':
      return indexArchive(state, body);
    case 'end_repacking':
      return endRepacking(state, body);
  }
}

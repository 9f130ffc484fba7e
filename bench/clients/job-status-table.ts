/**
 * Clients of the documents' table: a pool with a connection for each client, each statement prepared and committed
 * separately.
 */
import { Pool } from 'pg';
import { type LifecycleClient, STEPS, serveWork } from './client.ts';

const TABLE = `
CREATE TABLE IF NOT EXISTS job_status (
    job_id VARCHAR(50) PRIMARY KEY,
    worker_id VARCHAR(50),
    status VARCHAR(20),
    started_at TIMESTAMP,
    updated_at TIMESTAMP,
    percentage INT,
    error_message TEXT
)`;

const INSERT = {
  name: 'insert',
  text: `INSERT INTO job_status (job_id, status, updated_at, percentage) VALUES ($1, 'QUEUED', NOW(), 0)`,
};
const START = {
  name: 'start',
  text: `UPDATE job_status SET status = 'PROCESSING', worker_id = $2, started_at = NOW(), updated_at = NOW() WHERE job_id = $1`,
};
const PROGRESS = {
  name: 'progress',
  text: 'UPDATE job_status SET percentage = $2, updated_at = NOW() WHERE job_id = $1',
};
const COMPLETE = {
  name: 'complete',
  text: `UPDATE job_status SET status = 'COMPLETED', percentage = 100, updated_at = NOW() WHERE job_id = $1`,
};

await serveWork(async (url, clients) => {
  const pool = new Pool({ connectionString: url, max: clients, min: clients });
  await pool.query(TABLE);
  const connections = await Promise.all(Array.from({ length: clients }, () => pool.connect()));
  let last = 0;
  const newId = () => `job-${process.pid}-${++last}`;

  const client: LifecycleClient = {
    async lifecycle(number) {
      const connection = connections[number]!;
      const job_id = newId();
      await connection.query({ ...INSERT, values: [job_id] });
      await connection.query({ ...START, values: [job_id, `worker-bench-${number}`] });
      for (let step = 1; step <= STEPS; step++) await connection.query({ ...PROGRESS, values: [job_id, step * STEPS] });
      const { rowCount } = await connection.query({ ...COMPLETE, values: [job_id] });
      if (rowCount !== 1) throw new Error(`${job_id} is not in the table`);
    },
    async submit(number) {
      await connections[number]!.query({ ...INSERT, values: [newId()] });
    },
    async close() {
      for (const connection of connections) connection.release();
      await pool.end();
    },
  };
  return client;
});

/** The cost query of the documents, as printed there. */
export const COST_QUERY = `-- Query pattern for cost analysis
SELECT 
    DATE(completed_at) as date,
    COUNT(*) as jobs_completed,
    AVG(processing_time_seconds) as avg_time,
    SUM(cost_usd) as total_cost,
    AVG(cost_usd / duration_seconds * 60) as cost_per_minute
FROM job_states 
WHERE state = 'COMPLETED'
GROUP BY DATE(completed_at)
ORDER BY date DESC;
`;

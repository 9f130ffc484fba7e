/** pandas and pyarrow, which read the column files of a store in the examples of docs/analytics.md. */
export const columnReaders = { name: 'column-readers', requirements: ['pandas>=2.2,<4', 'pyarrow>=18,<27'] };

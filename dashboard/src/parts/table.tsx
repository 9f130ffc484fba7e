/** A table with columns of fixed widths. On a narrow screen, columns without `narrow` are left out. */
import { useMediaQuery } from '@mantine/hooks';
import { type ReactNode, useMemo } from 'react';
import styles from './table.module.css';

export type Column<T> = {
  name: string;
  /** CSS; the column without a width takes what is left. */
  width?: string;
  right?: boolean;
  muted?: boolean;
  narrow?: boolean;
  /** Its name is for readers of screens only. */
  unnamed?: boolean;
  /** Only where there is room. */
  wide?: boolean;
  cell: (row: T) => ReactNode;
};

type Props<T> = {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  onOpen?: ((row: T) => void) | undefined;
};

/** The columns for which the screen has room. */
export function useColumns<T>(columns: readonly Column<T>[]): readonly Column<T>[] {
  const narrow = useMediaQuery('(max-width: 800px)', false, { getInitialValueInEffect: false });
  const medium = useMediaQuery('(max-width: 1250px)', false, { getInitialValueInEffect: false });
  return useMemo(
    () => columns.filter((column) => (narrow ? column.narrow : medium ? !column.wide : true)),
    [columns, narrow, medium],
  );
}

export function Table<T>({ label, columns, rows, keyOf, onOpen }: Props<T>) {
  const shown = useColumns(columns);
  return (
    <div className={styles.scroller}>
      <table className={styles.table} aria-label={label}>
        <Head columns={shown} />
        <tbody>
          {rows.map((row) => (
            // The link in its first cell does the same for the keyboard.
            <tr key={keyOf(row)} data-link={onOpen ? true : undefined} onClick={onOpen && (() => onOpen(row))}>
              <Cells columns={shown} row={row} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Head<T>({ columns }: { columns: readonly Column<T>[] }) {
  return (
    <thead>
      <tr>
        {columns.map(({ name, width, right, unnamed }) => (
          <th key={name} style={width === undefined ? undefined : { width }} data-right={right || undefined}>
            {unnamed ? <span className="visually-hidden">{name}</span> : name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

export function Cells<T>({ columns, row }: { columns: readonly Column<T>[]; row: T }) {
  return columns.map(({ name, right, muted, cell }) => (
    <td key={name} data-right={right || undefined} data-muted={muted || undefined}>
      {cell(row)}
    </td>
  ));
}

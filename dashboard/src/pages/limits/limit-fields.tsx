/** Fields for limits, of a tenant or of a key; an empty one is no limit. */
import { NumberInput } from '@mantine/core';
import { FIELDS, type Limits, limitOf } from './limit-words.ts';
import styles from './limits.module.css';

export function LimitFields({ limits, onChange }: { limits: Limits; onChange: (limits: Limits) => void }) {
  return (
    <div className={styles.fields}>
      {FIELDS.map(({ name, label, unit, least, decimals }) => (
        <NumberInput
          key={name}
          label={label}
          size="xs"
          min={least}
          decimalScale={decimals}
          thousandSeparator=","
          value={limits[name] === null ? '' : limits[name] / unit}
          onChange={(value) => onChange({ ...limits, [name]: limitOf(value, unit) })}
          placeholder="no limit"
        />
      ))}
    </div>
  );
}
